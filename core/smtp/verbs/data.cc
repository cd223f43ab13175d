// SPDX-License-Identifier: GPL-3.0-or-later
// DATA (RFC 5321 section 4.1.1.4): from 354 to the reply that ends the transaction.
#include "core/base/queue_id.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_data(const Command& /*no argument*/, ReplyBuffer& out) noexcept {
  if (!transaction_.is_open) return refuse(ReplyId::mail_first, out);
  if (transaction_.recipients.count() == 0) {
    // 554 tells a pipelining client that its recipients were the trouble (RFC 2920 section 3.1).
    return refuse(
        transaction_.recipient_refused ? ReplyId::no_valid_recipients : ReplyId::rcpt_first, out);
  }
  return ask(Question::data, {});
}

Step ServerSession::proceed_data(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (!verdict.accepted) return refuse(verdict.refusal, out);
  queue_id_ = verdict.queue_id;
  state_ = State::mail_data;
  mail_data_.begin(config_.message_bytes_max);
  return answer(ReplyId::start_mail_data, out);
}

Step ServerSession::feed_mail_data(Octets input) noexcept {
  const MailDataStep data = mail_data_.feed(input);
  if (mail_data_.defect() != DataDefect::none && !mail_refusal_) {
    mail_refusal_ = mail_data_.defect() == DataDefect::too_large ? ReplyId::mail_too_large
                                                                 : ReplyId::bare_newline;
  }
  if (data.ended) {
    state_ = State::commit;
    return {.need = Need::commit, .consumed = data.consumed};
  }
  const bool wanted = !mail_refusal_ && !data.content.empty();
  return {.need = wanted ? Need::append : Need::input,
          .consumed = data.consumed,
          .mail_data = data.content};
}

Step ServerSession::proceed_commit(const Verdict& verdict, ReplyBuffer& out) noexcept {
  const ReplyId refusal = mail_refusal_.value_or(verdict.refusal);
  const bool accepted = verdict.accepted && !mail_refusal_;
  state_ = State::command;
  verb_ = Verb::data;
  reset();
  if (!accepted) return answer(refusal, out);  // a mail was refused, not a command
  errors_ = 0;
  return answer(ReplyId::mail_accepted, out, format_queue_id(queue_id_).view());
}

}  // namespace mailrace::core
