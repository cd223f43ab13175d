// SPDX-License-Identifier: GPL-3.0-or-later
// XCLIENT (Postfix, XCLIENT_README): the session starts over on behalf of somebody else.
#include "core/base/check.h"
#include "core/smtp/server_session.h"

#include <utility>

namespace mailrace::core {

Step ServerSession::check_xclient(const Command& command, ReplyBuffer& out) noexcept {
  if (!client_.may_xclient) return refuse(ReplyId::xclient_denied, out);
  if (is_idle()) return refuse_and_close(ReplyId::too_many_idle_commands, out);
  if (transaction_.is_open) return refuse(ReplyId::mail_again, out);
  auto client = std::make_unique<Xclient>();
  if (parse_xclient(command.argument, *client) != XclientError::none) {
    return refuse(ReplyId::syntax_of_arguments, out);
  }
  xclient_ = std::move(client);
  return ask(Question::xclient, {});
}

// What came with this command is kept, so that MAIL may follow at once; an EHLO goes before it.
Step ServerSession::proceed_xclient(const Verdict& verdict, ReplyBuffer& out) noexcept {
  const std::unique_ptr<Xclient> client = std::exchange(xclient_, nullptr);
  if (!verdict.accepted) return refuse(verdict.refusal, out);
  const Need need = reset();
  MAILRACE_CHECK(need == Need::input);  // no transaction, no mail
  helo_.assign(client->helo.value.view());
  is_extended_ = client->is_extended.value.value_or(false);
  return ask(Question::connect, {});
}

}  // namespace mailrace::core
