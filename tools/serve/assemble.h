// SPDX-License-Identifier: GPL-3.0-or-later
// The one place where network and spool meet: from options to running workers.
#pragma once

#include "core/policy/client_limits.h"
#include "core/policy/client_lists.h"
#include "core/policy/totals.h"
#include "net/system_clock.h"
#include "net/worker_group.h"
#include "net/worker_stats.h"
#include "spool/observed_writer.h"
#include "spool/recovery.h"
#include "tools/lib/log.h"
#include "tools/serve/file_access.h"
#include "tools/serve/housekeeping.h"
#include "tools/serve/listen_address.h"
#include "tools/serve/memory_watch.h"
#include "tools/serve/options.h"
#include "tools/serve/recover_spool.h"
#include "tools/serve/restoration.h"
#include "tools/serve/space_watch.h"
#include "tools/serve/spool_directories.h"
#include "tools/serve/status_service.h"
#include "tools/serve/tail_service.h"
#include "tools/serve/takeover.h"
#include "tools/serve/tls_keeper.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// A server from options that were checked. Each step fails with one line that says what is wrong.
class Server {
 public:
  /// options, log   outlive the server
  Server(const ServeOptions& options, Log& log);

  /// Reads certificates and keys. While the process may still read what is only root's.
  std::optional<std::string> load_tls() { return tls_.load(); }

  /// Reads the lists of clients, with the rights that they are read with again later.
  std::optional<std::string> load_lists();

  /// Takes the spool directory: makes it if it is missing, locks it, recovers what is in it.
  std::optional<std::string> open_spool();

  /// Opens all listening sockets, so that a bad address shows before anything runs.
  std::optional<std::string> open_listeners();

  /// What is needed of the file system from start() on.
  /// config   the config file, to be read again; empty: none
  const FileAccess& settle_file_access(const std::string& config);

  /// Starts the workers; they accept when this returns.
  /// say_status   is called once in a while, on one thread, with a line on how the server is
  /// successor_came   is called on a thread when another server takes mail in our place: leave()
  std::optional<std::string> start(std::function<void(const std::string&)> say_status,
                                   std::function<void()> successor_came);

  /// When all is ready: consumers and operators find this server now, and one whose place it takes
  /// may leave.
  std::optional<std::string> take_place();

  /// A successor takes mail: accepts nobody any more, and ends when all sessions have ended.
  void leave() noexcept;
  void drain() noexcept;
  /// Takes other options, of which nothing is wrong by itself, and reads anew what they name:
  /// lists, certificates, keys. Sessions that begin from then on have all of it. One thread.
  /// fails   with one line: then all of it stays as it was
  std::optional<std::string> reload(const ServeOptions& options);
  /// Whether all workers have answered since this was asked last. One thread, until join().
  bool is_alive() noexcept { return workers_.ask_all(); }
  void join();

 private:
  uint32_t worker_count() const;
  WorkerRange workers() const { return {first_worker_, worker_count()}; }
  WorkerRange predecessors_workers() const;
  std::optional<std::string> find_predecessor();
  std::optional<std::string> make_workers();
  std::vector<net::Fd> inherited(const core::Endpoint& endpoint);
  void settle_predecessor();
  std::optional<std::string> settle_unused(const spool::WorkerRecovery& worker) const;
  std::optional<TakeoverService::Giving> offer();
  bool is_others(uint32_t worker);
  std::optional<std::string> check_spool_io() const;
  std::optional<std::string> make_client_use();
  uint64_t choose_salt() const;
  std::vector<uint64_t> keep_usable(const spool::WorkerRecovery& worker) const;
  net::ListenerOptions listener_options(const ListenAddress& address) const;
  std::optional<std::string> open_listener(const std::string& flag, const std::string& text);
  spool::SyncPolicy sync_policy() const;
  net::WorkerOptions worker_options(uint32_t index);
  std::string out_of_reach(const ServeOptions& options) const;
  void keep(std::shared_ptr<const core::ClientLists> lists);
  void log_recovery(const spool::Recovery& recovery);
  void log_findings(const spool::Recovery& recovery);
  std::optional<std::string> settle_unused_directories();
  void start_housekeeping();
  void look_at_memory() noexcept;
  void start_status(std::function<void(const std::string&)> say_status);

  const ServeOptions& options_;  // of the start; other threads read them as well
  ServeOptions current_;         // as of the last reload
  Log& log_;
  SpoolDirectories directories_;
  net::SystemClock clock_;
  std::unique_ptr<core::ClientUse> client_use_;
  core::Totals totals_;
  MemoryWatch memory_;
  std::vector<std::unique_ptr<net::WorkerStats>> stats_;  // by worker
  std::shared_ptr<const core::ClientLists> lists_;
  // With those that sessions may still have, so that no worker has to free them.
  std::vector<std::shared_ptr<const core::ClientLists>> lists_kept_;
  std::filesystem::path start_directory_;
  FileAccess file_access_;
  std::vector<spool::WorkerRecovery> recovered_;
  uint64_t salt_ = 0;
  std::map<uint32_t, uint64_t> cursor_segments_;  // by worker: the greatest number that any names
  std::vector<std::vector<net::ListeningSocket>> listeners_;  // by worker
  std::vector<std::unique_ptr<spool::WriterWatch>> watches_;  // by worker
  TailService tails_;
  std::atomic<bool> draining_{false};
  StatusService status_;
  uint32_t first_worker_ = 0;
  std::optional<Predecessor> predecessor_;  // once the place is taken, of the housekeeping thread
  std::atomic<bool> place_taken_{false};
  std::atomic<bool> is_settled_{true};  // there is no predecessor any more
  std::string unsettled_;               // why that is not so, as logged last
  std::mutex ending_;
  bool ended_ = false;                     // under ending_
  std::vector<int> listener_descriptors_;  // of all workers, as long as they accept
  TakeoverService takeover_;
  TlsKeeper tls_;
  net::WorkerGroup workers_;
  std::optional<Restoration> restoration_;
  std::optional<SpaceWatch> space_;
  std::optional<Housekeeping> housekeeping_;
};

}  // namespace mailrace::tools
