// SPDX-License-Identifier: GPL-3.0-or-later
// RCPT (RFC 5321 section 4.1.1.3): adds a recipient to the transaction.
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_rcpt(const Command& command, ReplyBuffer& out) noexcept {
  if (!transaction_.is_open) return refuse(ReplyId::mail_first, out);
  if (mail_open_) return refuse(ReplyId::chunks_begun, out);
  const auto argument = split_path_argument(command.argument, "TO:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  const Charset charset = transaction_.claims.is_smtputf8 ? Charset::utf8 : Charset::ascii;
  const ParsedPath parsed = parse_forward_path(argument->path, charset);
  if (parsed.error == PathError::non_ascii) return refuse(ReplyId::forward_path_non_ascii, out);
  if (parsed.error != PathError::none) return refuse(ReplyId::forward_path_malformed, out);
  const auto [parameters, error] = parse_rcpt_parameters(argument->parameters, charset);
  if (error == ParameterError::unknown) return refuse(ReplyId::parameter_unknown, out);
  if (error != ParameterError::none) return refuse(ReplyId::parameter_malformed, out);
  if (transaction_.recipients.count() == config_.recipients_max) {
    return refuse(ReplyId::too_many_recipients, out);
  }
  // The line is gone when the verdict comes, so the path goes where it will stay if it is accepted.
  const auto kept =
      transaction_.recipients.append({.forward_path = parsed.path.mailbox(),
                                      .notify = parameters.notify,
                                      .original_recipient = parameters.original_recipient});
  if (!kept) return refuse(ReplyId::too_many_open, out);
  Step step = ask(Question::recipient, kept->forward_path);
  step.domain = kept->forward_path.substr(kept->forward_path.size() - parsed.path.domain.size());
  return step;
}

Step ServerSession::proceed_rcpt(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (verdict.accepted) {
    unknown_verbs_ = 0;
    return answer(ReplyId::rcpt_ok, out);
  }
  transaction_.recipients.drop_last();
  return refuse(verdict.refusal, out);
}

}  // namespace mailrace::core
