// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator can choose and may change while the server runs, and how a worker takes it.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/policy/client_lists.h"
#include "core/policy/recipient_domains.h"
#include "core/smtp/session_options.h"
#include "net/connection_options.h"
#include "net/tls_context.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace mailrace::net {

/// Made once, then only read. Each worker has a copy of its own: no line of the processor's cache
/// goes to and fro between workers for it.
struct Settings {
  core::SessionConfig session;
  core::RecipientDomains domains = {};
  ConnectionOptions connection = {};

  // Of the worker, and so of sessions that go on, too.
  uint32_t sessions_max = core::kSessionsPerWorkerMax;                           // at most this
  core::Duration lag_max = core::milliseconds(core::kLagMaxDefaultMs);           // 0: any
  core::Duration commit_wait_max = core::seconds(core::kCommitWaitMaxDefaultS);  // 0: any
  core::Duration drain_timeout = core::seconds(core::kDrainTimeoutDefaultS);
  bool tells_sessions = true;  // the log has lines for messages and refusals
};

/// All that a session begins with and keeps to its end.
struct Terms {
  std::shared_ptr<const Settings> settings;             // of one worker only
  std::shared_ptr<const core::ClientLists> lists = {};  // of all workers; nullptr: there are none
  std::shared_ptr<TlsContext> tls = {};                 // of one worker only; nullptr: no TLS
};

/// One of those who keep Terms; the last one frees them. All of them in one thread, so that the
/// count is a plain number.
class TermsHold {
 public:
  explicit TermsHold(Terms terms) : held_(new Held{std::move(terms), 1}) {}
  TermsHold(const TermsHold& other) noexcept : held_(other.held_) { ++held_->holders; }
  TermsHold& operator=(TermsHold other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~TermsHold() {
    if (--held_->holders == 0) delete held_;
  }

  const Terms& operator*() const noexcept { return held_->terms; }
  const Terms* operator->() const noexcept { return &held_->terms; }

 private:
  struct Held {
    Terms terms;
    size_t holders;
  };
  Held* held_;
};

/// What is to take the place of parts of a worker's terms, all of it at once.
struct Renewal {
  std::shared_ptr<const Settings> settings = nullptr;                  // nullptr: as before
  std::optional<std::shared_ptr<const core::ClientLists>> lists = {};  // nothing: as before
  std::optional<std::shared_ptr<TlsContext>> tls = {};                 // likewise

  /// Takes from `older`, which nobody has looked at yet, what is not in this one.
  void complete(Renewal older) {
    if (settings == nullptr) settings = std::move(older.settings);
    if (!lists) lists = std::move(older.lists);
    if (!tls) tls = std::move(older.tls);
  }
  /// returns   what holds from now on
  Terms applied_to(Terms terms) && {
    if (settings != nullptr) terms.settings = std::move(settings);
    if (lists) terms.lists = std::move(*lists);
    if (tls) terms.tls = std::move(*tls);
    return terms;
  }
};

}  // namespace mailrace::net
