// SPDX-License-Identifier: GPL-3.0-or-later
// RSET, NOOP, QUIT, VRFY, HELP (RFC 5321 section 4.1.1.5 to section 4.1.1.10): no questions asked.
#include "core/base/check.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_simple(const Command& command, ReplyBuffer& out) noexcept {
  if (command.verb == Verb::rset) {
    reset();
    return answer(ReplyId::reset_ok, out);
  }
  if (command.verb == Verb::noop) return answer(ReplyId::noop_ok, out);
  if (command.verb == Verb::vrfy) return answer(ReplyId::cannot_verify, out);
  if (command.verb == Verb::help) return answer(ReplyId::help, out);
  MAILRACE_CHECK(command.verb == Verb::quit);
  return terminate(ReplyId::goodbye, out);
}

}  // namespace mailrace::core
