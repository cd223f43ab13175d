// SPDX-License-Identifier: GPL-3.0-or-later
// The thread that keeps certificates and ticket keys fresh, and hands them to the workers.
#pragma once

#include "core/base/time.h"
#include "net/tls_context.h"
#include "net/tls_identity.h"
#include "net/tls_ticket_keys.h"
#include "tools/lib/log.h"
#include "tools/serve/tls_files.h"
#include "tools/serve/tls_rest.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mailrace::tools {

struct TlsOptions {
  std::vector<std::string> certificates;  // see find_tls_files(); empty: no TLS
  net::TlsRules rules;
  std::string ticket_keys;  // a file; empty: keys of our own, replaced by time
};

/// The days before the end of a certificate at which the log says so and that have been reached: 0
/// (it has ended), 1, 7 or 30.
/// left   until the end, 0 behind it
std::optional<int64_t> days_to_warn_at(core::Duration left);

/// What is read stays in memory, so that a file that is broken later does no harm: it is named in
/// the log, and what was there before goes on. Sessions keep what they began with.
class TlsKeeper {
 public:
  /// options   outlive this
  TlsKeeper(const TlsOptions& options, Log& log) : options_(options), log_(log) {}
  TlsKeeper(const TlsKeeper&) = delete;
  TlsKeeper& operator=(const TlsKeeper&) = delete;
  ~TlsKeeper() { stop(); }

  /// Reads all files for the first time. fails   with one line: then everything must be right
  std::optional<std::string> load();

  /// For one worker, of what was read last. On the thread, or while it does not run.
  /// returns   nullptr if there is no TLS, or no memory
  std::shared_ptr<net::TlsContext> make_context() const;

  /// renewed    is called on the thread when workers need new contexts
  /// reloaded   is called on the thread when reload() was done
  void start(
      std::function<void()> renewed, std::function<void()> reloaded = [] {});
  /// Looks at all files now, and takes what is new. Any thread.
  /// returns   false if there is nothing to look at
  bool reload();
  void stop();

 private:
  // What the log has said of a pair already.
  struct Warned {
    int64_t days = INT64_MAX;  // before the certificate's end, the fewest so far
    bool is_response_over = false;
  };
  struct Pair {
    TlsFiles files;
    net::TlsIdentity identity;
    Warned warned;
  };

  void run();
  void look_first();
  void warn_of_unreadable();
  bool look(bool is_asked);
  bool read_all(bool is_first);
  std::vector<TlsFiles> find_pairs();
  bool read_certificates(bool is_first);
  static void keep_warned(const Pair& before, Pair& now);
  void staple(const TlsFiles& files, net::TlsIdentity& identity);
  bool read_ticket_keys(bool is_first);
  bool rotate();
  void warn_of_ends();
  void warn_of_end(const TlsFiles& files, const net::TlsIdentity& identity, Warned& warned);
  void complain(const std::string& what);
  std::vector<std::string> paths() const;

  const TlsOptions& options_;
  Log& log_;
  std::map<std::string, std::vector<TlsFiles>> found_;  // by what the flag says
  std::vector<Pair> pairs_;
  net::TlsTicketKeys keys_;
  core::Instant rotated_at_;
  TlsStamps read_stamps_;  // of the files as they were read
  TlsStamps seen_stamps_;  // as they were seen last
  TlsRest rest_;
  std::string first_wrong_;        // of the last time that they were read
  bool has_bad_response_ = false;  // then, too
  std::function<void()> renewed_;
  std::function<void()> reloaded_;
  bool is_running_ = false;

  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;      // under mutex_
  bool reload_asked_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace mailrace::tools
