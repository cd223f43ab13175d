// SPDX-License-Identifier: GPL-3.0-or-later
// RSET, NOOP, QUIT, VRFY, HELP (RFC 5321 section 4.1.1.5 to section 4.1.1.10): no questions asked.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_simple(const Command& command, ReplyBuffer& out) noexcept {
  if (command.verb == Verb::quit) return terminate(ReplyId::goodbye, out);
  if (is_idle()) return refuse_and_close(ReplyId::too_many_idle_commands, out);
  if (command.verb == Verb::rset) {
    const Need need = reset();
    out.add(ReplyId::reset_ok);
    return {.need = need};
  }
  if (command.verb == Verb::noop) return answer(ReplyId::noop_ok, out);
  if (command.verb == Verb::vrfy) return check_vrfy(command, out);
  MAILRACE_CHECK(command.verb == Verb::help);
  return answer(ReplyId::help, out);
}

// What is asked for is not looked at; only UTF-8 must be, and must be announced by the parameter at
// the end (RFC 6531 section 3.7.4.2).
Step ServerSession::check_vrfy(const Command& command, ReplyBuffer& out) noexcept {
  if (!command.has_8bit) return answer(ReplyId::cannot_verify, out);
  const std::string_view argument = command.argument;
  if (!is_utf8(argument)) return refuse(ReplyId::line_malformed, out);
  constexpr std::string_view kParameter = " SMTPUTF8";
  const size_t begin = argument.size() - std::min(argument.size(), kParameter.size());
  if (equal_ignoring_case(argument.substr(begin), kParameter)) {
    return answer(ReplyId::cannot_verify, out);
  }
  return refuse(ReplyId::forward_path_non_ascii, out);
}

}  // namespace mailrace::core
