// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run counts; one set per thread, merged for the report.
#pragma once

#include "core/base/histogram.h"
#include "core/base/time.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace mailrace::tools {

/// Why a connection was given up.
enum class LoadError : uint8_t {
  connect,           // it did not come about
  closed,            // it ended in the middle: reset, or end of stream
  unexpected_reply,  // another code than the one that goes on
  malformed_reply,   // no SMTP
  timeout,           // no reply in time; ends the run
  tls,               // no handshake, or a record that does not check
};
inline constexpr size_t kLoadErrorCount = 6;
/// As in reports: "unexpected_reply".
const char* name_of(LoadError error) noexcept;

/// What is waited for, one after the other: from when the worker sends to when it looks at the
/// reply. That is by the clock that it reads once for all it finds; of `tls` and `message` the end
/// is by one more look, and so is where they begin.
enum class LoadPhase : uint8_t {
  connect,  // TCP
  banner,   // from there, or from the end of an implicit handshake, to 220
  ehlo,
  tls,   // from the ClientHello to the end of the handshake
  mail,  // with pipelining this and the next two begin together
  rcpt,
  data,     // to 354
  message,  // from handing the last octets to the kernel to 250
};
inline constexpr size_t kLoadPhaseCount = 8;
const char* name_of(LoadPhase phase) noexcept;

struct LoadStats {
  uint64_t messages = 0;            // acknowledged with 250, behind the warm-up
  uint64_t warmup_messages = 0;     // before that
  uint64_t bytes = 0;               // of mail data of `messages`
  uint64_t connections = 0;         // that were greeted
  uint64_t aborted = 0;             // transactions, on purpose
  uint64_t refused_recipients = 0;  // that were to be refused
  uint64_t without_recipients = 0;  // transactions of which none was to be accepted
  uint64_t handshakes = 0;          // of TLS, behind the warm-up
  uint64_t resumed = 0;             // of these
  // Behind the warm-up, of an open loop: messages that became due, and of these the ones that were
  // given up unsent, for want of a connection.
  uint64_t scheduled = 0;
  uint64_t unsent = 0;
  core::Duration cpu{};  // of workers, behind the warm-up
  core::Instant last_reply{};
  std::array<uint64_t, 600> replies{};  // by code
  std::array<uint64_t, kLoadErrorCount> errors{};
  std::string first_error;  // one line; empty if there was none
  // Closed loop: from handing the last octets to the kernel to 250. Open loop: from when the
  // message was due, and of unsent ones as long as they waited.
  core::Histogram latency_ns;
  // Of an open loop: from when a message was due to when the worker saw it, if it had a connection.
  core::Histogram late_ns;
  std::array<core::Histogram, kLoadPhaseCount> phases_ns;  // by LoadPhase, behind the warm-up

  const core::Histogram& phase_ns(LoadPhase phase) const noexcept {
    return phases_ns[size_t(phase)];
  }

  /// text   one line; may have what a server said in it
  void count_error(LoadError error, std::string text);
  uint64_t error_count() const noexcept {
    uint64_t count = 0;
    for (const uint64_t of_kind : errors) count += of_kind;
    return count;
  }
  void merge(const LoadStats& other);
};

}  // namespace mailrace::tools
