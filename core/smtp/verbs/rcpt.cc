// SPDX-License-Identifier: GPL-3.0-or-later
// RCPT (RFC 5321 section 4.1.1.3): adds a recipient to the transaction.
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_rcpt(const Command& command, ReplyBuffer& out) noexcept {
  if (!transaction_.is_open) return refuse(ReplyId::mail_first, out);
  const auto argument = split_path_argument(command.argument, "TO:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  const ParsedPath parsed = parse_forward_path(argument->path);
  if (parsed.error == PathError::non_ascii) return refuse(ReplyId::forward_path_non_ascii, out);
  if (parsed.error != PathError::none) return refuse(ReplyId::forward_path_malformed, out);
  const ParameterError parameters = parse_rcpt_parameters(argument->parameters);
  if (parameters == ParameterError::unknown) return refuse(ReplyId::parameter_unknown, out);
  if (parameters != ParameterError::none) return refuse(ReplyId::parameter_malformed, out);
  if (transaction_.forward_paths.count() == kRecipientsMax) {
    return refuse(ReplyId::too_many_recipients, out);
  }
  // The line is gone when the verdict comes, so the path goes where it will stay if it is accepted.
  const std::string_view mailbox = parsed.path.mailbox();
  const auto kept = transaction_.forward_paths.append(mailbox);
  if (!kept) return refuse(ReplyId::too_many_open, out);
  recipient_asked_ = *kept;
  Step step = ask(Question::recipient, recipient_asked_);
  step.domain = recipient_asked_.substr(mailbox.size() - parsed.path.domain.size());
  return step;
}

Step ServerSession::proceed_rcpt(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (verdict.accepted) return answer(ReplyId::rcpt_ok, out);
  transaction_.forward_paths.drop_last(recipient_asked_);
  return refuse(verdict.refusal, out);
}

}  // namespace mailrace::core
