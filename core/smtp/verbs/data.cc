// SPDX-License-Identifier: GPL-3.0-or-later
// DATA (RFC 5321 section 4.1.1.4): from 354 to the reply that ends the transaction. What a mail is
// held to, and its end, are the same for BDAT.
#include "core/base/queue_id.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

// Why DATA or BDAT may not come now.
std::optional<ReplyId> ServerSession::judge_data() const noexcept {
  if (!transaction_.is_open) return ReplyId::mail_first;
  if (verb_ == Verb::data && mail_open_) return ReplyId::chunks_begun;
  if (verb_ == Verb::data && transaction_.claims.body == BodyType::binary_mime) {
    return ReplyId::binary_needs_bdat;
  }
  if (transaction_.recipients.count() > 0) return std::nullopt;
  // 554 tells a pipelining client that its recipients were the trouble (RFC 2920 section 3.1).
  return transaction_.recipient_refused ? ReplyId::no_valid_recipients : ReplyId::rcpt_first;
}

Step ServerSession::check_data(const Command& /*no argument*/, ReplyBuffer& out) noexcept {
  if (const auto refusal = judge_data()) return refuse(*refusal, out);
  return ask(Question::data, {});
}

Step ServerSession::proceed_data(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (verb_ == Verb::bdat) {
    if (!verdict.accepted) return discard_chunk(verdict.refusal, out);
    begin_mail(verdict.queue_id);
    chunks_.begin(transaction_.claims.body != BodyType::binary_mime, config_.bare_newline);
    return begin_chunk();
  }
  if (!verdict.accepted) return refuse(verdict.refusal, out);
  begin_mail(verdict.queue_id);
  state_ = State::mail_data;
  mail_data_.begin(config_.message_bytes_max, config_.bare_newline);
  return answer(ReplyId::start_mail_data, out);
}

void ServerSession::begin_mail(uint64_t queue_id) noexcept {
  queue_id_ = queue_id;
  mail_open_ = true;
  in_chunks_ = verb_ == Verb::bdat;
  is_refused_ = false;
  storage_refusal_.reset();
  empty_chunks_ = 0;
  unknown_verbs_ = 0;
  is_inspected_ = true;
  header_section_.begin();
  const bool has_lines = transaction_.claims.body != BodyType::binary_mime;
  line_length_.begin(has_lines ? config_.line_bytes_max : 0);
}

Step ServerSession::feed_mail_data(Octets input) noexcept {
  const MailDataStep data = mail_data_.feed(input);
  if (mail_data_.defect() != DataDefect::none) is_refused_ = true;
  if (is_inspected_) inspect(data.content);
  if (data.ended) {
    Step step = end_mail_data();
    step.consumed = data.consumed;
    return step;
  }
  const bool wanted = !is_refused_ && !data.content.empty();
  return {.need = wanted ? Need::append : Need::input,
          .consumed = data.consumed,
          .mail_data = data.content};
}

// Looks for what spoils a mail and is no matter of its framing. A refused mail is looked at too, so
// that the reply does not depend on how far it had come when something else went wrong.
void ServerSession::inspect(Octets content) noexcept {
  is_inspected_ = header_section_.is_open() || line_length_.is_limited();
  if (header_section_.is_open()) {
    header_section_.feed(content);
    if (header_section_.received_count() > config_.hops_max) is_refused_ = true;
  }
  if (line_length_.is_limited()) {
    line_length_.feed(content);
    if (line_length_.is_exceeded()) is_refused_ = true;
  }
}

std::optional<ReplyId> ServerSession::mail_refusal() const noexcept {
  if (!mail_open_ || !is_refused_) return std::nullopt;
  switch (in_chunks_ ? chunks_.defect() : mail_data_.defect()) {
    case DataDefect::bare_newline:
      return ReplyId::bare_newline;
    case DataDefect::too_large:
      return ReplyId::mail_too_large;
    case DataDefect::none:
      break;
  }
  if (line_length_.is_exceeded()) return ReplyId::text_line_too_long;
  if (header_section_.received_count() > config_.hops_max) return ReplyId::too_many_hops;
  if (storage_refusal_) return storage_refusal_;
  return ReplyId::no_recipient_accepted;
}

Step ServerSession::end_mail_data() noexcept {
  line_length_.end();
  if (in_chunks_) chunks_.end();
  const bool is_spoiled = in_chunks_ && chunks_.defect() != DataDefect::none;
  if (is_spoiled || line_length_.is_exceeded()) is_refused_ = true;
  if (transaction_.recipient_replies.is_open() && !is_refused_) {
    recipient_cursor_ = {};
    recipient_index_ = 0;
    recipients_accepted_ = 0;
    return ask_next_recipient();
  }
  state_ = State::commit;
  return {.need = Need::commit};
}

Step ServerSession::proceed_commit(const Verdict& verdict, ReplyBuffer& out) noexcept {
  const auto own_refusal = mail_refusal();
  const ReplyId refusal = own_refusal.value_or(verdict.refusal);
  const bool accepted = verdict.accepted && !own_refusal;
  verb_ = Verb::data;
  mail_open_ = false;  // it was committed or dropped
  if (accepted) errors_ = 0;
  if (accepted || refusal == ReplyId::no_recipient_accepted) {
    if (transaction_.recipient_replies.is_open()) {
      recipient_index_ = 0;
      state_ = State::recipient_replies;
      out.add(ReplyId::prdr_begins);
      return say_recipient_replies(out);
    }
  }
  state_ = State::command;
  (void)reset();
  if (!accepted) return answer(refusal, out);  // a mail was refused, not a command
  return answer(ReplyId::mail_accepted, out, format_queue_id(queue_id_).view());
}

}  // namespace mailrace::core
