// SPDX-License-Identifier: GPL-3.0-or-later
// Per-recipient data responses (draft-hall-prdr-00 section 4.4, section 4.5, as Exim has them):
// behind the end of mail data 353, a reply for each recipient in the order of RCPT, and one for the
// mail.
//
// All of them are said once the mail is durable. Until then no recipient was promised anything, and
// a mail that is refused as a whole gets one reply, as without PRDR.
#include "core/base/check.h"
#include "core/base/queue_id.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::ask_next_recipient() noexcept {
  const auto recipient = transaction_.recipients.next(recipient_cursor_);
  if (recipient) return ask(Question::recipient_data, recipient->forward_path);
  if (recipients_accepted_ == 0) is_refused_ = true;
  state_ = State::commit;
  return {.need = Need::commit};
}

Step ServerSession::proceed_recipient_data(const Verdict& verdict) noexcept {
  const ReplyId reply = verdict.accepted ? ReplyId::recipient_accepted : verdict.refusal;
  if (verdict.accepted) ++recipients_accepted_;
  transaction_.recipient_replies.set(recipient_index_++, reply);
  return ask_next_recipient();
}

// Goes on while there is room; feed() comes back here.
Step ServerSession::say_recipient_replies(ReplyBuffer& out) noexcept {
  const uint32_t count = transaction_.recipients.count();
  while (out.has_room() && recipient_index_ < count) {
    out.add(transaction_.recipient_replies.at(recipient_index_++));
  }
  if (!out.has_room()) return {.need = Need::output};
  state_ = State::command;
  (void)reset();
  if (recipients_accepted_ == 0) return answer(ReplyId::no_recipient_accepted, out);
  return answer(ReplyId::mail_accepted, out, format_queue_id(queue_id_).view());
}

}  // namespace mailrace::core
