// SPDX-License-Identifier: GPL-3.0-or-later
// What the connections of a worker use together. Nothing in it is another worker's.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/time.h"
#include "core/policy/recipient_domains.h"
#include "core/port/mail_sink.h"
#include "core/smtp/server_session.h"
#include "net/buffer_ring.h"
#include "net/connection_options.h"
#include "net/event_ring.h"
#include "net/input_queue.h"
#include "net/ring.h"
#include "net/timer_wheel.h"

#include <cstdint>

namespace mailrace::net {

struct WorkerContext {
  uint32_t worker = 0;
  Ring& ring;
  BufferRing& buffers;
  HeldBuffers& held;
  TimerWheel& timers;
  core::BlockPool& session_blocks;      // lines and replies
  core::BlockPool& transaction_blocks;  // recipients
  const core::SessionConfig& session;
  const core::RecipientDomains& domains;
  const ConnectionOptions& connection;
  core::MailSink* sink = nullptr;
  EventRing* events = nullptr;  // nullptr: nobody listens
  core::Instant now;            // of this tick
  core::WallTime wall;
  bool draining = false;
  uint32_t busy_refusals = 0;  // transactions that the sink was too busy for
};

}  // namespace mailrace::net
