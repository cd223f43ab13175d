// SPDX-License-Identifier: GPL-3.0-or-later
// How long a peer has been at what it is doing, and when it has been too long.
#pragma once

#include "core/base/time.h"
#include "net/connection_options.h"

#include <cstddef>
#include <cstdint>

namespace mailrace::net {

/// Whose turn it is in a session.
enum class Turn : uint8_t {
  command,  // the peer has to send a command
  data,     // the peer has to send mail data
  reply,    // the peer has to take what we said
};

/// Notes what happens in a session, a store or two at a time, and says when asked which deadline is
/// the next. Nothing of this moves a timer: whoever has one looks again at least every interval(),
/// which no deadline that begins in between can undercut.
class SessionClock {
 public:
  /// limits   outlives this
  SessionClock(const Timeouts& limits, core::Instant now) noexcept;

  /// We begin to send.
  void speaks(core::Instant now) noexcept { saying_since_ = now; }
  /// All that we had to say was taken: it is the peer's turn.
  void has_spoken(core::Instant now) noexcept { turn_since_ = now; }
  void heard(core::Instant now, size_t octets) noexcept {
    heard_at_ = now;
    data_octets_ += octets;
  }
  void data_begins(core::Instant now) noexcept;
  /// A mail has ended, well or not.
  void mail_ends(core::Instant now) noexcept { mail_since_ = now; }

  /// From here on we keep the peer from sending; this time is not its own. For as many reasons as
  /// there are: each release() ends one hold().
  void hold(core::Instant now) noexcept {
    if (holds_++ == 0) held_since_ = now;
  }
  void release(core::Instant now) noexcept;

  /// When the peer's time is up: the earliest of
  ///   - command: limits.command after it became the peer's turn, however a line trickles in
  ///   - data: limits.data_block after the last octets; and, once mail data has gone on for that
  ///     long, when its average since its beginning falls below limits.data_rate_min
  ///   - reply: limits.reply after we began to send
  ///   - always: limits.transaction after the greeting or the end of the last mail
  core::Instant due(Turn turn) const noexcept;

  /// The shortest time in which a deadline that is not yet known could come up.
  core::Duration interval() const noexcept;

 private:
  core::Instant slowest_end() const noexcept;

  const Timeouts& limits_;
  core::Instant mail_since_;
  core::Instant turn_since_;
  core::Instant saying_since_;
  core::Instant heard_at_;
  core::Instant data_since_;
  core::Instant held_since_;
  uint32_t holds_ = 0;        // reasons that there are, since held_since_
  uint64_t data_octets_ = 0;  // since data_since_
};

}  // namespace mailrace::net
