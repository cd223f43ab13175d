// SPDX-License-Identifier: GPL-3.0-or-later
// MAIL (RFC 5321 section 4.1.1.2): opens a transaction.
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_mail(const Command& command, ReplyBuffer& out) noexcept {
  if (helo_.empty()) return refuse(ReplyId::helo_first, out);
  if (transaction_.is_open) return refuse(ReplyId::mail_again, out);
  if (config_.mails_max != 0 && mails_ == config_.mails_max) {
    return terminate(ReplyId::too_many_mails, out);
  }
  const auto argument = split_path_argument(command.argument, "FROM:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  // Whether the path may have UTF-8 is said behind it; what is wrong with it is said first.
  const auto [parameters, error] = parse_mail_parameters(argument->parameters);
  const bool is_utf8 = parameters.claims.is_smtputf8;
  const ParsedPath parsed =
      parse_reverse_path(argument->path, is_utf8 ? Charset::utf8 : Charset::ascii);
  if (parsed.error == PathError::non_ascii) return refuse(ReplyId::reverse_path_non_ascii, out);
  if (parsed.error != PathError::none) return refuse(ReplyId::reverse_path_malformed, out);
  if (error == ParameterError::unknown) return refuse(ReplyId::parameter_unknown, out);
  if (error != ParameterError::none) return refuse(ReplyId::parameter_malformed, out);
  if (parameters.prdr && !config_.prdr) return refuse(ReplyId::parameter_unknown, out);
  if (parameters.claims.requires_tls && !is_encrypted_) {
    return refuse(ReplyId::encryption_needed, out);
  }
  const uint64_t declared = parameters.size.value_or(0);
  if (declared > config_.message_bytes_max) return refuse(ReplyId::mail_too_large, out);
  const bool has_room = transaction_.envelope_id.assign(transactions_, parameters.envelope_id) &&
                        (!parameters.prdr || transaction_.recipient_replies.open(
                                                 transactions_, config_.recipients_max));
  if (!has_room) {
    reset();
    return refuse(ReplyId::too_many_open, out);
  }
  transaction_.reverse_path.assign(parsed.path.mailbox());
  transaction_.claims = parameters.claims;
  transaction_.size_declared = declared;
  return ask(Question::mail, transaction_.reverse_path.view());
}

// Nobody who sends to an MX is trusted with a priority (RFC 6710), so what is claimed is
// stored, and the reply says which one the mail has.
Step ServerSession::proceed_mail(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (!verdict.accepted) {
    reset();
    return refuse(verdict.refusal, out);
  }
  transaction_.is_open = true;
  ++mails_;
  chunk_failed_ = false;
  idle_commands_ = 0;
  unknown_verbs_ = 0;
  discarded_bytes_ = 0;
  const bool priority_changed = transaction_.claims.priority.value_or(0) != 0;
  return answer(priority_changed ? ReplyId::mail_ok_priority_changed : ReplyId::mail_ok, out);
}

}  // namespace mailrace::core
