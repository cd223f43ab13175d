// SPDX-License-Identifier: GPL-3.0-or-later
// MAIL (RFC 5321 section 4.1.1.2): opens a transaction.
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_mail(const Command& command, ReplyBuffer& out) noexcept {
  if (helo_.empty()) return refuse(ReplyId::helo_first, out);
  if (transaction_.is_open) return refuse(ReplyId::mail_again, out);
  const auto argument = split_path_argument(command.argument, "FROM:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  const ParsedPath parsed = parse_reverse_path(argument->path);
  if (parsed.error == PathError::non_ascii) return refuse(ReplyId::reverse_path_non_ascii, out);
  if (parsed.error != PathError::none) return refuse(ReplyId::reverse_path_malformed, out);
  const auto parameters = parse_mail_parameters(argument->parameters);
  if (parameters.error == ParameterError::unknown) return refuse(ReplyId::parameter_unknown, out);
  if (parameters.error != ParameterError::none) return refuse(ReplyId::parameter_malformed, out);
  const uint64_t declared = parameters.parameters.size.value_or(0);
  if (declared > config_.message_bytes_max) return refuse(ReplyId::mail_too_large, out);
  transaction_.reverse_path.assign(parsed.path.mailbox());
  transaction_.body = parameters.parameters.body;
  transaction_.size_declared = declared;
  return ask(Question::mail, transaction_.reverse_path.view());
}

Step ServerSession::proceed_mail(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (!verdict.accepted) {
    reset();
    return refuse(verdict.refusal, out);
  }
  transaction_.is_open = true;
  return answer(ReplyId::mail_ok, out);
}

}  // namespace mailrace::core
