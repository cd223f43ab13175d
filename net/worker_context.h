// SPDX-License-Identifier: GPL-3.0-or-later
// What the connections of a worker use together. Nothing in it is another worker's.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/time.h"
#include "core/policy/client_limits.h"
#include "core/policy/totals.h"
#include "core/port/mail_sink.h"
#include "net/buffer_ring.h"
#include "net/event_ring.h"
#include "net/input_queue.h"
#include "net/ring.h"
#include "net/settings.h"
#include "net/timer_wheel.h"
#include "net/token.h"
#include "net/worker_stats.h"

#include <array>
#include <cstdint>
#include <vector>

namespace mailrace::net {

/// Whose turn it is to cost a signature.
struct TlsHandshakes {
  uint32_t left_in_tick = core::kTlsHandshakesPerTickMax;
  uint32_t in_flight = 0;      // begun and not ended
  bool is_full = false;        // and none of these can be ended for another one
  std::vector<Token> waiting;  // for their turn: connections, in order
  std::vector<Token> begun;    // the oldest first; some are over
};

/// Who was refused for what is known of him, and not told to the log yet.
struct ClientRefusals {
  static constexpr size_t kBlocked = core::kLimitedCount;
  std::array<uint32_t, core::kLimitedCount + 1> counts{};  // by core::Limited; kBlocked
  std::array<core::Endpoint, core::kLimitedCount + 1> last{};
  core::Instant log_at;  // not before
};

struct WorkerContext {
  uint32_t worker = 0;
  Ring& ring;
  BufferRing& buffers;
  HeldBuffers& held;
  TimerWheel& timers;
  core::BlockPool& session_blocks;      // partial lines, and replies on their way
  core::BlockPool& transaction_blocks;  // recipients
  TermsHold terms;                      // of sessions that begin now
  core::BlockPool& tls_blocks;          // of TlsOutput
  core::MutableOctets tls_plaintext;    // of kTlsRecordBytesMax octets; see TlsPlaintext
  core::MailSink* sink = nullptr;
  core::ClientUse* client_use = nullptr;  // of all workers; nullptr: there are no limits
  core::Totals* totals = nullptr;         // of all workers; nullptr: there is no end to them
  ClientRefusals client_refusals = {};
  TlsHandshakes handshakes = {};
  size_t tls_kept_bytes = 0;    // by TlsStash and TlsPlaintext
  EventRing* events = nullptr;  // nullptr: nobody listens
  WorkerStats* stats;           // of this worker
  core::Instant now;            // of this tick
  core::WallTime wall;
  bool draining = false;
  bool defers_mail = false;  // core::Strain::defer
  uint32_t open_mails = 0;
  uint32_t busy_refusals = 0;  // transactions that the sink was too busy for
};

}  // namespace mailrace::net
