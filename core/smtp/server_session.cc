// SPDX-License-Identifier: GPL-3.0-or-later
// The order of commands; what each verb does is in verbs/. The state table is in SESSION.md.
#include "core/smtp/server_session.h"

#include "core/base/check.h"
#include "core/smtp/extensions.h"
#include "core/smtp/other_protocol.h"

#include <utility>

namespace mailrace::core {
namespace {

constexpr uint16_t kClosingCode = 421;

}  // namespace

SessionConfig::SessionConfig(SessionOptions options)
    : SessionOptions(std::move(options)),
      ehlo_reply(core::ehlo_reply(*this, EhloTls::none)),
      ehlo_reply_before_tls(core::ehlo_reply(*this, EhloTls::offered)),
      ehlo_reply_encrypted(core::ehlo_reply(*this, EhloTls::on)) {
  MAILRACE_CHECK(hostname.size() <= kDomainBytesMax);
  MAILRACE_CHECK(recipients_max >= kRecipientsFloor);
  MAILRACE_CHECK(recipients_max <= kRecipientsMax);
}

ServerSession::ServerSession(const SessionConfig& config, BlockPool& lines,
                             BlockPool& transactions) noexcept
    : config_(config),
      transactions_(transactions),
      lines_(lines),
      transaction_(transactions, transaction_blocks_max(config.recipients_max)) {}

Step ServerSession::start(const ClientRules& client) noexcept {
  MAILRACE_CHECK(state_ == State::created);
  client_ = client;
  if (client.spoke_early) ++early_talk_;
  return ask(Question::connect, {});
}

Step ServerSession::feed(Octets input, ReplyBuffer& out) noexcept {
  size_t used = 0;
  while (true) {
    if (!out.has_room()) return {.need = Need::output, .consumed = used};
    const bool has_replied = state_ == State::command || state_ == State::mail_data;
    if (has_replied && std::exchange(group_ended_, false) && used < input.size()) {
      ++early_talk_;
      const bool refused = client_.refuse_early && state_ == State::command;
      if (refused) return refuse_and_close(ReplyId::early_talker, out);
    }
    Step step;
    if (receiving_data()) {
      if (used == input.size() && !can_go_on()) return {.need = Need::input, .consumed = used};
      const Octets rest = input.subspan(used);
      step = state_ == State::mail_data ? feed_mail_data(rest) : feed_chunk(rest, out);
      used += step.consumed;
    } else if (state_ == State::command) {
      const auto line = lines_.take(input, used);
      if (!line) return {.need = Need::input, .consumed = used};
      has_more_ = used < input.size();
      step = line->too_long ? refuse_long_line(line->text, out) : execute(line->text, out);
    } else if (state_ == State::held) {
      state_ = State::command;
      step = answer(held_reply_, out);
    } else {
      MAILRACE_CHECK(state_ == State::recipient_replies);
      step = say_recipient_replies(out);
    }
    if (step.need != Need::input) {
      step.consumed = used;
      if (used == input.size()) group_ended_ = false;  // the client waited
      return step;
    }
  }
}

Step ServerSession::execute(std::string_view line, ReplyBuffer& out) noexcept {
  const Command command = parse_command(line);
  verb_ = command.verb;
  // Octets follow this line that are no commands, whatever is wrong with it.
  if (verb_ == Verb::bdat) return check_bdat(command, out);
  if (verb_ != Verb::rcpt && verb_ != Verb::data) mail_refused_ = false;
  // Before EHLO, and behind HELO, nobody knows whether we take groups of commands at all.
  group_ended_ = ends_group(verb_) || !is_extended_;
  if (command.malformed) return refuse(ReplyId::line_malformed, out);
  // 8-bit addresses have replies of their own; anywhere else the octets mean nothing to SMTP.
  const bool has_address = verb_ == Verb::mail || verb_ == Verb::rcpt || verb_ == Verb::vrfy;
  if (command.has_8bit && !has_address) return refuse(ReplyId::line_malformed, out);
  switch (verb_row(verb_).argument) {
    case ArgumentRule::none:
      if (!command.argument.empty()) return refuse(ReplyId::argument_unexpected, out);
      break;
    case ArgumentRule::required:
      if (command.argument.empty()) return refuse(ReplyId::argument_missing, out);
      break;
    case ArgumentRule::optional:
      break;
  }
  return dispatch(command, out);
}

Step ServerSession::dispatch(const Command& command, ReplyBuffer& out) noexcept {
  if (needs_tls_for(command.verb)) return refuse(ReplyId::tls_needed, out);
  switch (command.verb) {
    case Verb::ehlo:
    case Verb::helo:
      return check_helo(command, out);
    case Verb::mail:
      return check_mail(command, out);
    case Verb::rcpt:
      return check_rcpt(command, out);
    case Verb::data:
      return check_data(command, out);
    case Verb::rset:
    case Verb::noop:
    case Verb::quit:
    case Verb::vrfy:
    case Verb::help:
      return check_simple(command, out);
    case Verb::xclient:
      return check_xclient(command, out);
    case Verb::bdat:
      return check_bdat(command, out);
    case Verb::starttls:
      return check_starttls(out);
    case Verb::expn:
    case Verb::unimplemented:
      return refuse(ReplyId::not_implemented, out);
    case Verb::unknown:
      break;
  }
  if (is_other_protocol(command.word)) return refuse_and_close(ReplyId::other_protocol, out);
  return refuse(ReplyId::unknown_verb, out);
}

Step ServerSession::resume(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (state_ == State::commit) return proceed_commit(verdict, out);
  MAILRACE_CHECK(state_ == State::verdict);
  state_ = State::command;
  if (question_ == Question::connect && !verdict.accepted) return terminate(verdict.refusal, out);
  if (!verdict.accepted && reply_row(verdict.refusal).code == kClosingCode) {
    note_refusal(verdict.refusal);
    return terminate(verdict.refusal, out);
  }
  switch (question_) {
    case Question::connect:
      if (std::exchange(client_.spoke_early, false) && client_.refuse_early) {
        return refuse_and_close(ReplyId::early_talker, out);
      }
      return answer(ReplyId::greeting, out, config_.hostname);
    case Question::helo:
      return proceed_helo(verdict, out);
    case Question::mail:
      return proceed_mail(verdict, out);
    case Question::recipient:
      return proceed_rcpt(verdict, out);
    case Question::data:
      return proceed_data(verdict, out);
    case Question::recipient_data:
      return proceed_recipient_data(verdict);
    case Question::xclient:
      return proceed_xclient(verdict, out);
    case Question::tls:
      return proceed_starttls(verdict, out);
  }
  MAILRACE_CHECK(false);  // a question without an answer
  return {};
}

Step ServerSession::terminate(ReplyId reason, ReplyBuffer& out) noexcept {
  state_ = State::closed;
  // A peer that does not read is ended with a full buffer; it would not read this line either.
  if (out.has_room()) out.add(reason);
  return {.need = Need::close};
}

void ServerSession::refuse_mail(ReplyId reply) noexcept {
  MAILRACE_CHECK(receiving_data());
  MAILRACE_CHECK(mail_open_);
  if (!storage_refusal_) storage_refusal_ = reply;
  is_refused_ = true;
}

Step ServerSession::ask(Question question, std::string_view subject) noexcept {
  state_ = State::verdict;
  question_ = question;
  return {.need = Need::verdict, .question = question, .subject = subject};
}

Step ServerSession::answer(ReplyId reply, ReplyBuffer& out, std::string_view argument) noexcept {
  out.add(reply, argument);
  return {};
}

Step ServerSession::refuse_long_line(std::string_view beginning, ReplyBuffer& out) noexcept {
  // A size with thousands of digits: nobody knows where the next command begins.
  const bool is_bdat = parse_command(beginning).verb == Verb::bdat;
  verb_ = Verb::unknown;
  return is_bdat ? refuse_and_close(ReplyId::line_too_long, out)
                 : refuse(ReplyId::line_too_long, out);
}

void ServerSession::note_refusal(ReplyId reply) noexcept {
  if (refusals_.count++ == 0) refusals_ = {1, verb_, reply};
}

Step ServerSession::refuse_and_close(ReplyId reply, ReplyBuffer& out) noexcept {
  note_refusal(reply);
  ++refusals_.errors;
  return terminate(reply, out);
}

// A refused command. Too many in a row without a mail, and the client is not talking SMTP to us.
// Refused addresses do not count, a mailing list may have many; nor does what a client pipelined
// before it could know of a refusal: RCPT, DATA and BDAT behind a MAIL (RFC 2920 section 3.1),
// chunks behind a chunk (RFC 3030 section 2).
Step ServerSession::refuse(ReplyId reply, ReplyBuffer& out) noexcept {
  note_refusal(reply);
  if (verb_ == Verb::mail) mail_refused_ = true;
  if (verb_ == Verb::rcpt && transaction_.is_open) transaction_.recipient_refused = true;
  const ReplyRow& row = reply_row(reply);
  const bool was_pipelined =
      (mail_refused_ && reply == ReplyId::mail_first) || reply == ReplyId::chunk_failed;
  const bool is_error =
      (row.code >= 500 && row.code <= 503 && !was_pipelined) || reply == ReplyId::tls_needed;
  if (!is_error) return answer(reply, out);
  ++refusals_.errors;
  if (reply == ReplyId::unknown_verb) ++unknown_verbs_;
  if (++errors_ > config_.errors_max || unknown_verbs_ > kUnknownVerbsMax) {
    return terminate(ReplyId::too_many_errors, out);
  }
  if (config_.error_delay.ns == 0) return answer(reply, out);
  held_reply_ = reply;
  state_ = State::held;
  return {.need = Need::delay};
}

// Counts a command that moves no mail. returns whether it is one too many
bool ServerSession::is_idle() noexcept { return ++idle_commands_ > kIdleCommandsMax; }

// Ends the transaction. returns what the caller of the session must know of it
Need ServerSession::reset() noexcept {
  transaction_ = Transaction(transactions_, transaction_blocks_max(config_.recipients_max));
  chunk_failed_ = false;
  return std::exchange(mail_open_, false) ? Need::drop : Need::input;
}

}  // namespace mailrace::core
