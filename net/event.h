// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker has to tell the log: one wide event per message.
#pragma once

#include "core/base/ip.h"
#include "core/base/time.h"
#include "core/policy/overload.h"
#include "core/smtp/envelope.h"
#include "core/smtp/replies.h"
#include "core/smtp/verb.h"

#include <cstdint>
#include <string_view>

namespace mailrace::net {

enum class EventKind : uint8_t {
  message,         // mail data ended; `reply` says how
  refusal,         // commands were refused: `refused` of them, the first was `verb`
  early_talker,    // the client spoke `early` times before it was its turn; said nowhere else
  proxied,         // `via` speaks for `peer`, by PROXY header or XCLIENT; `text`: a name, if any
  proxy_failure,   // no PROXY header where there must be one: `text` says why
  client_limited,  // `refused` requests, the last one of `peer`, were beyond a limit: `text`
  tls_failure,     // a handshake or a session under TLS broke: `text` says why
  spool_failure,   // the spool takes no mail any more: `text` and `sys_errno`
  spool_busy,      // transactions are refused: `text` says what is used up
  spool_ready,     // and no more; `refused`: how many were since the last such event
  overload,        // `strain` has changed, for `used` thousandths of the budget of `text`
  worker_end,      // `refused`: how many were in all; `busy_spells`: how often spool_busy held
};

/// Views are borrowed: until push() on the way in, during the visit on the way out.
struct Event {
  EventKind kind = EventKind::message;
  core::WallTime time = {};
  uint32_t worker = 0;
  core::Endpoint peer = {};
  std::string_view helo = {};
  std::string_view reverse_path = {};
  uint32_t recipients = 0;
  uint64_t size = 0;  // octets of mail data, without what we put in front
  uint64_t queue_id = 0;
  core::Durability durability = core::Durability::disk;  // what a 250 to it promises
  core::ReplyId reply = core::ReplyId::mail_accepted;
  core::Verb verb = core::Verb::unknown;
  uint32_t refused = 0;
  uint32_t busy_spells = 0;
  uint32_t early = 0;               // as for early_talker, since the last event of this connection
  bool answered = true;             // false: the peer was gone when its mail was stored
  core::Endpoint via = {};          // the proxy
  core::Endpoint destination = {};  // that the client connected to; port 0: not known
  // Phases of a message: accept or the last message to MAIL, MAIL to 354, 354 to the end of mail
  // data, from there to the reply.
  core::Duration before = {};
  core::Duration envelope = {};
  core::Duration data = {};
  core::Duration commit = {};
  core::TlsFacts tls = {};  // of a message
  int sys_errno = 0;
  std::string_view text = {};
  core::Strain strain = core::Strain::none;
  uint32_t used = 0;
};

}  // namespace mailrace::net
