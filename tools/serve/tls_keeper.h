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

#include <tl/expected.hpp>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
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
 private:
  // What the log has said of a pair already.
  struct Warned {
    int64_t days = INT64_MAX;  // before the certificate's end, the fewest so far
    bool is_response_over = false;
  };
  struct Pair {
    TlsFiles files;
    std::shared_ptr<const net::TlsIdentity> identity;
    Warned warned;
  };
  // All that was read, and for whom.
  struct Stock {
    TlsOptions options;
    std::map<std::string, std::vector<TlsFiles>> found = {};  // by what the flag says
    std::vector<Pair> pairs = {};
    net::TlsTicketKeys keys = {};
    core::Instant rotated_at = {};
    TlsStamps stamps = {};  // of the files as they were read
  };

 public:
  TlsKeeper(TlsOptions options, Log& log) : stock_{.options = std::move(options)}, log_(log) {}
  TlsKeeper(const TlsKeeper&) = delete;
  TlsKeeper& operator=(const TlsKeeper&) = delete;
  ~TlsKeeper() { stop(); }

  /// Reads all files for the first time. fails   with one line: then everything must be right
  std::optional<std::string> load();

  /// For one worker, of what was read last. On the thread, while it does not run, or during a
  /// Change.
  /// returns   nullptr if there is no TLS, or no memory
  std::shared_ptr<net::TlsContext> make_context() const;

  /// renewed    is called on the thread when workers need new contexts
  void start(std::function<void()> renewed);
  void stop();

  /// Other options and all that they name, read anew: undone at its end unless it was committed.
  /// As long as there is one, the thread waits.
  class Change {
   public:
    Change(Change&& other) noexcept
        : keeper_(std::exchange(other.keeper_, nullptr)),
          lock_(std::move(other.lock_)),
          before_(std::move(other.before_)) {}
    Change& operator=(Change&&) = delete;
    ~Change() {
      if (keeper_ != nullptr) keeper_->stock_ = std::move(before_);
    }
    /// It stays so; the log is told.
    void commit();

   private:
    friend class TlsKeeper;
    explicit Change(TlsKeeper& keeper)
        : keeper_(&keeper), lock_(keeper.reading_), before_(keeper.stock_) {}

    TlsKeeper* keeper_;  // nullptr: it is decided
    std::unique_lock<std::mutex> lock_;
    Stock before_;
  };

  /// Reads all files, as strictly as load(). But what was read before and can now be seen by root
  /// only goes on, which the log is told. Behind start(); on one thread.
  /// fails   with one line; then all is as before
  tl::expected<Change, std::string> change(const TlsOptions& options);

 private:
  // How much may be wrong.
  enum class Reading : uint8_t {
    first,    // nothing
    changed,  // nothing but what is hidden from us
    anew,     // anything: what was there before goes on
  };

  static Reading for_new(Reading reading);
  void launch();
  void run();
  void look_first();
  void warn_of_unreadable();
  bool look();
  bool read_all(Reading reading);
  std::vector<TlsFiles> find_pairs(Reading reading);
  bool read_certificates(Reading reading);
  bool add_pair(Reading reading, const TlsFiles& files, std::vector<Pair>& read);
  static void keep_warned(const Pair& before, Pair& now);
  void staple(const TlsFiles& files, net::TlsIdentity& identity);
  bool read_ticket_keys(Reading reading);
  bool rotate();
  void log_certificates();
  void log_reload();
  void warn_of_ends();
  void warn_of_end(const TlsFiles& files, const net::TlsIdentity& identity, Warned& warned);
  bool forgive(Reading reading, const std::string& what, const std::vector<std::string>& files);
  std::vector<std::string> paths() const;

  Stock stock_;  // under reading_, once the thread runs, like all up to has_bad_response_
  Log& log_;
  TlsStamps seen_stamps_;  // of the files as they were seen last
  TlsRest rest_;
  std::string first_wrong_;        // of the last time that they were read
  bool is_in_part_ = false;        // then, something was wrong that was forgiven
  bool has_bad_response_ = false;  // then, too
  std::function<void()> renewed_;
  std::mutex reading_;

  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace mailrace::tools
