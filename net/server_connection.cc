// SPDX-License-Identifier: GPL-3.0-or-later
// The loop is go_on(): feed, meet the need, feed again, until something must be waited for.
#include "net/server_connection.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/message/trace.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <utility>

namespace mailrace::net {

using core::Limited;
using core::MailOutcome;
using core::Need;
using core::Question;
using core::ReplyId;
using core::Step;
using core::Verdict;

namespace {

core::TransferProtocol protocol_of(const core::ServerSession& session) noexcept {
  using core::TransferProtocol;
  const bool is_encrypted = session.is_encrypted();
  if (session.transaction().claims.is_smtputf8) {
    return is_encrypted ? TransferProtocol::utf8smtps : TransferProtocol::utf8smtp;
  }
  if (!session.is_extended()) return TransferProtocol::smtp;
  return is_encrypted ? TransferProtocol::esmtps : TransferProtocol::esmtp;
}

ReplyId reply_to(const core::Error& error) noexcept {
  switch (error.code) {
    case core::Errc::no_space:
      return ReplyId::spool_full;
    case core::Errc::busy:
      return ReplyId::too_many_open;
    case core::Errc::io:
    case core::Errc::corrupt:
    case core::Errc::torn_tail:
    case core::Errc::unsupported:
      break;
  }
  return ReplyId::spool_failed;
}

}  // namespace

ServerConnection::ServerConnection(Token self, WorkerContext& context,
                                   const ListenerOptions& listener, int descriptor,
                                   std::optional<ReplyId> refusal) noexcept
    : context_(context),
      terms_(context.terms),
      listener_(listener),
      self_(self),
      stream_(context.ring, self, descriptor, context.buffers.group()),
      input_(context.held, self.slot),
      replies_(context.session_blocks, &context.stats->replies),
      session_(settings().session, context.session_blocks, context.transaction_blocks),
      plaintext_(context.tls_kept_bytes),
      refusal_(refusal),
      clock_(settings().connection.timeouts, context.now),
      idle_since_(context.now),
      phase_at_(context.now) {
  core::Totals* const totals = context.totals;
  if (!refusal_ && totals != nullptr && !place_.take(&totals->connections)) {
    refusal_ = ReplyId::too_many_sessions;
  }
}

ServerConnection::~ServerConnection() {
  committing_ = false;
  drop_mail();
  leave_handshake();
}

// --- the session's needs -------------------------------------------------------------------------

// Meets the needs of `step` and of all that follow from it, then uses input until there is none.
void ServerConnection::run(Step step) noexcept {
  Step next;
  while (meet(step, next)) step = std::exchange(next, {});
  if (wait_ == Wait::nothing && !closing_) return go_on();
  rest();
}

void ServerConnection::go_on() noexcept {
  Step next;
  // What the session has is used before more is decrypted, which may end the connection.
  while (wait_ == Wait::nothing && !closing_ && (session_.can_go_on() || has_input())) {
    const bool was_data = session_.receiving_data();
    Step step = session_.feed(front(), replies_);
    // Octets of an append are used up only once the sink has them all.
    if (step.need == Need::append) {
      unappended_used_ = step.consumed;
    } else if (step.consumed > 0) {
      consume(step.consumed);
    }
    while (meet(step, next)) step = std::exchange(next, {});
    // A chunk that is thrown away: a mail that is open has begun its own.
    if (!was_data && !mail_open_ && session_.receiving_data()) clock_.data_begins(context_.now);
  }
  const bool idle = wait_ == Wait::nothing && !closing_;
  if (idle && peer_closed_ && input_.empty()) begin_closing();
  if (idle && context_.draining && !session_.in_transaction()) terminate(ReplyId::service_closing);
  rest();
}

// Until something happens.
void ServerConnection::rest() noexcept {
  keep_plaintext();
  flush();
  steer_receiving();
}

// --- the session's input: what was received, or what was decrypted of it -------------------------

bool ServerConnection::has_input() noexcept {
  if (tls_ == nullptr) return !input_.empty();
  return !plaintext_.empty() || decrypt();
}

core::Octets ServerConnection::front() const noexcept {
  if (tls_ != nullptr) return plaintext_.front();
  return input_.empty() ? core::Octets{} : input_.front();
}

void ServerConnection::consume(size_t size) noexcept {
  if (tls_ != nullptr) {
    plaintext_.consume(size);
  } else {
    input_.consume(size);
  }
}

// returns whether `next` came of it
bool ServerConnection::meet(const Step& step, Step& next) noexcept {
  switch (step.need) {
    case Need::input:
      return false;
    case Need::output:
      wait_ = Wait::output;
      return false;
    case Need::verdict:
      next = session_.resume(judge(step), replies_);
      return true;
    case Need::append:
      append(step.mail_data);
      return false;
    case Need::delay:
      wait_ = Wait::delay;
      context_.timers.set(self_.slot, context_.now + settings().session.error_delay);
      return false;
    case Need::drop:
      drop_mail();
      return false;
    case Need::commit:
      return end_mail(next);
    case Need::handshake:
      wait_ = Wait::starttls;
      return false;
    case Need::close:
      begin_closing();
      return false;
  }
  MAILRACE_CHECK(false);  // a need without an answer
  return false;
}

Verdict ServerConnection::judge(const Step& step) noexcept {
  switch (step.question) {
    case Question::connect:
      if (refusal_) return Verdict::refuse(*refusal_);
      if (context_.draining) return Verdict::refuse(ReplyId::service_closing);
      return Verdict::accept();
    case Question::helo:
      enter(MailStage::ehlo, phase_at_);
      return Verdict::accept();
    case Question::mail:
      return judge_mail();
    case Question::recipient:
      return judge_recipient(step.domain);
    case Question::data:
      return open_mail();
    case Question::recipient_data:
      return Verdict::accept();  // the envelope has them all, and nobody judges them yet
    case Question::xclient:
      speak_for(session_.xclient());
      return Verdict::accept();
    case Question::tls:
      return judge_tls();
  }
  MAILRACE_CHECK(false);  // a question without an answer
  return {};
}

// A stage has ended, and the next one begins.
void ServerConnection::enter(MailStage stage, core::Instant since) noexcept {
  context_.stats->stages[size_t(stage)].add(context_.now - since);
  phase_at_ = context_.now;
}

Verdict ServerConnection::judge_mail() noexcept {
  mail_at_ = context_.now;
  enter(MailStage::mail, phase_at_);
  if (beyond_errors_) return refuse_beyond(Limited::errors, ReplyId::too_many_errors);
  const auto ready = context_.sink->ready();
  if (!ready) return refuse_for(ready.error());
  const bool is_full = context_.totals != nullptr && !context_.totals->mails.has_room();
  if (context_.defers_mail || is_full) {
    return refuse_for(core::Error{core::Errc::busy, 0, "worker.overload"});
  }
  if (!client_.may(Limited::messages, 1, context_.now)) {
    return refuse_beyond(Limited::messages, ReplyId::message_rate);
  }
  client_.establish();
  return Verdict::accept();
}

Verdict ServerConnection::judge_recipient(std::string_view domain) noexcept {
  if (!client_.may(Limited::recipients, 1, context_.now)) {
    return refuse_beyond(Limited::recipients, ReplyId::recipient_rate);
  }
  const Verdict verdict = settings().domains.judge(domain);
  if (verdict.accepted || client_.has_done(Limited::unknown_recipients, 1, context_.now)) {
    return verdict;
  }
  return refuse_beyond(Limited::unknown_recipients, ReplyId::too_many_unknown_recipients);
}

Verdict ServerConnection::judge_tls() noexcept {
  if (context_.draining) return Verdict::refuse(ReplyId::service_closing);
  if (!input_.empty()) return Verdict::refuse(ReplyId::octets_behind_starttls);
  if (context_.handshakes.is_full) return Verdict::refuse(ReplyId::too_many_handshakes);
  if (client_.may(Limited::handshakes, 1, context_.now)) return Verdict::accept();
  return refuse_beyond(Limited::handshakes, ReplyId::too_many_handshakes);
}

// The log is told once in a while: of a flood it need not hear every drop.
void ServerConnection::note_refused(size_t what) noexcept {
  ++context_.client_refusals.counts[what];
  (what < core::kLimitedCount ? context_.stats->limited[what] : context_.stats->blocked).add();
  context_.client_refusals.last[what] = peer_;
}

Verdict ServerConnection::refuse_beyond(Limited limit, ReplyId reply) noexcept {
  note_refused(size_t(limit));
  return Verdict::refuse(reply);
}

// --- mail ----------------------------------------------------------------------------------------

Verdict ServerConnection::refuse_for(const core::Error& error) noexcept {
  if (error.code == core::Errc::busy) ++context_.busy_refusals;
  return Verdict::refuse(reply_to(error));
}

Verdict ServerConnection::open_mail() noexcept {
  if (context_.totals != nullptr && !mail_place_.take(&context_.totals->mails)) {
    return refuse_for(core::Error{core::Errc::busy, 0, "worker.mails"});
  }
  const core::Transaction& transaction = session_.transaction();
  const core::TransferProtocol protocol = protocol_of(session_);
  const core::Envelope envelope{
      .received_at = context_.wall,
      .peer = peer_,
      .helo = session_.helo(),
      .protocol = core::protocol_keyword(protocol),
      .reverse_path = transaction.reverse_path.view(),
      .recipients = &transaction.recipients,
      .claims = transaction.claims,
      .envelope_id = transaction.envelope_id.view(),
      .size_declared = transaction.size_declared,
      .durability = listener_.durability,
      .tls = tls_ != nullptr ? tls_->facts() : core::TlsFacts{},
  };
  const auto mail = context_.sink->begin(envelope, {self_.slot, self_.generation});
  if (!mail) {
    mail_place_.reset();
    return refuse_for(mail.error());
  }
  mail_ = *mail;
  mail_open_ = true;
  ++context_.open_mails;
  data_at_ = context_.now;
  enter(MailStage::rcpt, mail_at_);
  clock_.data_begins(context_.now);

  std::string_view only_recipient;
  if (transaction.recipients.count() == 1) {
    transaction.recipients.for_each([&](const core::Recipient& recipient) {
      only_recipient = recipient.forward_path;
      return false;
    });
  }
  std::array<char, core::kReceivedFieldBytesMax> memory;
  core::TextBuilder received(memory.data(), memory.size());
  core::add_received_field(received, {.helo = session_.helo(),
                                      .peer = peer_.address,
                                      .hostname = settings().session.hostname,
                                      .protocol = protocol,
                                      .queue_id = mail_.mail_id,
                                      .for_path = only_recipient,
                                      .tls = envelope.tls,
                                      .time = context_.wall});
  MAILRACE_CHECK(!received.cut());
  const auto appended = context_.sink->append(mail_, core::as_octets(received.text()));
  MAILRACE_CHECK(appended.has_value());
  MAILRACE_CHECK(*appended == received.text().size());
  return Verdict{.queue_id = mail_.mail_id};
}

// Hands mail data on. What the sink has no room for stays in the input, and the connection waits.
bool ServerConnection::append(core::Octets octets) noexcept {
  const auto taken = context_.sink->append(mail_, octets);
  if (!taken) {
    session_.refuse_mail(reply_to(taken.error()));
    drop_mail();
  } else if (*taken < octets.size()) {
    unappended_ = octets.subspan(*taken);
    if (std::exchange(wait_, Wait::room) != Wait::room) {
      clock_.hold(context_.now);
      phase_at_ = context_.now;
    }
    return false;
  }
  unappended_ = {};
  if (unappended_used_ > 0) consume(std::exchange(unappended_used_, 0));
  return true;
}

void ServerConnection::on_room() noexcept {
  if (wait_ != Wait::room) return;
  wait_ = Wait::nothing;
  clock_.release(context_.now);
  enter(MailStage::append, phase_at_);
  if (append(unappended_)) go_on();
}

// returns whether `next` came of it, without waiting
bool ServerConnection::end_mail(Step& next) noexcept {
  ended_at_ = context_.now;
  enter(MailStage::data, data_at_);
  if (session_.mail_refusal()) {
    drop_mail();
    next = finish_mail(Verdict::refuse(*session_.mail_refusal()));
    return true;
  }
  MAILRACE_CHECK(mail_open_);
  context_.sink->commit(mail_);
  committing_ = true;
  wait_ = Wait::commit;
  return false;
}

void ServerConnection::on_committed(MailOutcome outcome) noexcept {
  MAILRACE_CHECK(std::exchange(committing_, false));
  wait_ = Wait::nothing;
  mail_is_over();
  enter(MailStage::sync, ended_at_);
  Verdict verdict;
  if (outcome == MailOutcome::failed) verdict = Verdict::refuse(ReplyId::spool_failed);
  if (outcome == MailOutcome::no_space) verdict = Verdict::refuse(ReplyId::spool_full);
  // The peer is gone: it will send the mail again, but this one is there, and the log must say so.
  const ReplyId reply = verdict.accepted ? ReplyId::mail_accepted : verdict.refusal;
  count_mail(reply);
  if (over_) return log_mail(reply);
  replied_at_ = context_.now;
  run(finish_mail(verdict));
}

Step ServerConnection::finish_mail(const Verdict& verdict) noexcept {
  log_mail(verdict.accepted ? ReplyId::mail_accepted : verdict.refusal);
  idle_since_ = context_.now;
  clock_.mail_ends(context_.now);
  const Step next = session_.resume(verdict, replies_);
  log_refusals();
  return next;
}

void ServerConnection::drop_mail() noexcept {
  // What is being committed cannot be taken back.
  if (committing_ || !mail_open_) return;
  context_.sink->abort(mail_);
  mail_is_over();
}

void ServerConnection::mail_is_over() noexcept {
  mail_open_ = false;
  --context_.open_mails;
  mail_place_.reset();
}

void ServerConnection::count_mail(ReplyId reply) noexcept {
  if (reply != ReplyId::mail_accepted) return;
  context_.stats->mails.add();
  context_.stats->mail_octets.add(session_.mail_bytes());
}

// --- the stream ----------------------------------------------------------------------------------

void ServerConnection::on_receive(const io_uring_cqe& cqe) noexcept {
  stream_.on_receive(cqe);
  const bool has_buffer = BufferRing::has_buffer(cqe);
  if (has_buffer) {
    const uint16_t buffer = BufferRing::buffer_id(cqe);
    context_.buffers.note_lent(cqe.res);
    if (closing_ || over_ || cqe.res <= 0) {
      context_.buffers.give_back(buffer);
    } else {
      input_.push(buffer, uint32_t(cqe.res));
    }
  }
  if (cqe.res > 0) {
    clock_.heard(context_.now, size_t(cqe.res));
    context_.stats->received.add(uint64_t(cqe.res));
  } else if (cqe.res == 0) {
    peer_closed_ = true;
  } else if (cqe.res == -ENOBUFS) {
    if (!std::exchange(starved_, true)) clock_.hold(context_.now);
    context_.stats->starvations.add();
    context_.buffers.note_starved();
  } else if (cqe.res != -ECANCELED) {
    return end();  // reset, timed out: there is nobody to talk to
  }
  if (over_) return;
  if (closing_) {
    if (peer_closed_ && !stream_.sending()) return end();
    return steer_receiving();
  }
  if (stage_ != Stage::session) return go_on_opening();
  if (wait_ == Wait::nothing) return go_on();
  steer_receiving();
}

void ServerConnection::on_buffers() noexcept {
  if (std::exchange(starved_, false)) clock_.release(context_.now);
  if (!over_) steer_receiving();
}

// Receives while there is use for it.
void ServerConnection::steer_receiving() noexcept {
  if (over_ || peer_closed_ || starved_) return;
  const bool full =
      wait_ != Wait::nothing &&
      (input_.has_stash() || input_.held_count() >= core::kHeldBuffersPerConnectionMax);
  if (full) return stream_.stop_receiving();
  if (!stream_.receiving() && stage_ != Stage::naming) stream_.receive();
}

void ServerConnection::relieve() noexcept {
  const bool for_peer = wait_ == Wait::output || wait_ == Wait::delay || wait_ == Wait::greeting ||
                        wait_ == Wait::starttls || wait_ == Wait::turn;
  const bool for_disk = wait_ == Wait::room || wait_ == Wait::commit;
  if (!for_peer && !for_disk) return;
  stream_.stop_receiving();
  // Mail data without room lies in what is moved, unless it is a CR that the session had kept.
  const core::Octets before = input_.empty() ? core::Octets{} : input_.front();
  if (for_peer) {
    if (!input_.stash()) end();
    return;
  }
  // The peer has done its part, and is not dropped. It may hold a good many: what one tick brings
  // is not known before.
  input_.stash_some();
  if (!before.empty()) unappended_ = moved(unappended_, before, input_.front());
}

void ServerConnection::flush() noexcept {
  if (over_ || stream_.sending()) return;
  if (tls_ != nullptr) encrypt_replies();
  if (over_ || stream_.sending()) return;
  const core::Octets pending = tls_ != nullptr ? tls_->output().pending() : replies_.pending();
  if (!pending.empty()) {
    clock_.speaks(context_.now);
    return stream_.send(pending);
  }
  if (!closing_) return;
  // All is said. With octets of the peer's unread, closing would make TCP reset the connection and
  // could take our last reply with it: then the peer closes first, or time does.
  if (peer_closed_ || !unread_) return end();
  stream_.shutdown_write();
}

void ServerConnection::on_send(int result) noexcept {
  stream_.on_send();
  if (over_) return;
  if (result < 0) return end();
  if (tls_ != nullptr) {
    tls_->output().consume(size_t(result));
  } else {
    replies_.consume(size_t(result));
  }
  clock_.has_spoken(context_.now);
  note_reply_taken();
  if (wait_ == Wait::starttls && replies_.empty()) return begin_tls();
  if (wait_ == Wait::output && replies_.has_room()) {
    wait_ = Wait::nothing;
    return stage_ == Stage::handshake ? go_on_handshake() : go_on();
  }
  flush();
}

void ServerConnection::note_reply_taken() noexcept {
  if (replied_at_.ns == 0) return;
  context_.stats->stages[size_t(MailStage::reply)].add(context_.now - replied_at_);
  replied_at_ = {};
}

void ServerConnection::terminate(ReplyId reason) noexcept {
  if (closing_ || over_) return;
  run(session_.terminate(reason, replies_));
}

void ServerConnection::begin_closing() noexcept {
  if (closing_) return;
  closing_ = true;
  wait_ = Wait::nothing;
  unread_ = !session_.ended_by_quit() || !input_.empty() || !plaintext_.empty();
  // Who was not let in and has not spoken is not waited for: he would keep a place of others'.
  if (refusal_ && input_.empty() && stage_ == Stage::session) unread_ = false;
  drop_mail();
  leave_handshake();
  if (tls_ != nullptr && !tls_->is_open()) tls_->close();  // it counts no longer
  log_refusals();
  log_early_talk();
  input_.clear();
  plaintext_.clear();
  unappended_ = {};
  unappended_used_ = 0;
  context_.timers.set(self_.slot, context_.now + settings().connection.timeouts.linger);
}

// The end without a word: what is under way in the kernel is made to complete.
void ServerConnection::end() noexcept {
  if (over_) return;
  begin_closing();
  over_ = true;
  context_.timers.clear(self_.slot);
  if (!stream_.quiet()) stream_.abort();
}

Turn ServerConnection::turn() const noexcept {
  if (stream_.sending()) return Turn::reply;
  return session_.receiving_data() ? Turn::data : Turn::command;
}

// The one timer of the connection: it looks at the clock now and then, whatever happens meanwhile.
void ServerConnection::watch_clock() noexcept {
  const core::Instant look_again = context_.now + clock_.interval();
  context_.timers.set(self_.slot, std::min(clock_.due(turn()), look_again));
}

void ServerConnection::on_timeout() noexcept {
  if (closing_ || stage_ == Stage::naming) return end();
  if (stage_ == Stage::proxy_header) return fail_proxy_header("timeout");
  if (stage_ == Stage::handshake) return fail_tls("timeout");
  if (stage_ == Stage::greeting) return greet();
  if (wait_ == Wait::delay) {
    wait_ = Wait::nothing;
    watch_clock();
    return go_on();
  }
  // While we are the ones who wait for the disk or for memory, the peer has done its part.
  const core::Instant look_again = context_.now + clock_.interval();
  if (wait_ == Wait::commit || wait_ == Wait::room || starved_) {
    return context_.timers.set(self_.slot, look_again);
  }
  if (clock_.due(turn()) > context_.now) return watch_clock();
  context_.stats->timeouts.add();
  log_timeout();
  // Who does not take what we say does not hear of this either.
  if (turn() == Turn::reply) return end();
  terminate(ReplyId::timed_out);
}

void ServerConnection::drain(bool now) noexcept {
  if (closing_ || over_ || wait_ == Wait::commit) return;
  if (stage_ == Stage::naming || stage_ == Stage::proxy_header) return end();
  if (stage_ == Stage::handshake || wait_ == Wait::starttls) return end();
  if (stage_ == Stage::greeting) return greet();
  if (now || !session_.in_transaction()) terminate(ReplyId::service_closing);
}

// --- the log -------------------------------------------------------------------------------------

void ServerConnection::log_mail(ReplyId reply) noexcept {
  if (context_.events == nullptr) return;
  const core::Transaction& transaction = session_.transaction();
  context_.events->push({.kind = EventKind::message,
                         .time = context_.wall,
                         .worker = context_.worker,
                         .peer = peer_,
                         .helo = session_.helo(),
                         .reverse_path = transaction.reverse_path.view(),
                         .recipients = transaction.recipients.count(),
                         .size = session_.mail_bytes(),
                         .queue_id = session_.queue_id(),
                         .durability = listener_.durability,
                         .reply = reply,
                         .verb = core::Verb::data,
                         .early = take_early_talk(),
                         .answered = !over_,
                         .before = mail_at_ - idle_since_,
                         .envelope = data_at_ - mail_at_,
                         .data = ended_at_ - data_at_,
                         .commit = context_.now - ended_at_,
                         .tls = tls_ != nullptr ? tls_->facts() : core::TlsFacts{}});
}

// What was not told yet.
uint32_t ServerConnection::take_early_talk() noexcept {
  const uint32_t all = session_.early_talk();
  return all - std::exchange(early_talk_told_, all);
}

// The refusal of a whole mail has its own line; what is left are commands.
void ServerConnection::log_refusals() noexcept {
  const core::Refusals refusals = session_.refusals();
  session_.clear_refusals();
  if (refusals.errors > 0 && !client_.has_done(Limited::errors, refusals.errors, context_.now)) {
    beyond_errors_ = true;
  }
  if (refusals.count == 0 || context_.events == nullptr) return;
  context_.events->push({.kind = EventKind::refusal,
                         .time = context_.wall,
                         .worker = context_.worker,
                         .peer = peer_,
                         .helo = session_.helo(),
                         .reply = refusals.reply,
                         .verb = refusals.verb,
                         .refused = refusals.count,
                         .early = take_early_talk()});
}

// Early talk that no other line has told of; the session ends.
void ServerConnection::log_early_talk() noexcept {
  const uint32_t early = take_early_talk();
  if (early == 0 || context_.events == nullptr) return;
  context_.events->push({.kind = EventKind::early_talker,
                         .time = context_.wall,
                         .worker = context_.worker,
                         .peer = peer_,
                         .helo = session_.helo(),
                         .early = early});
}

void ServerConnection::log_timeout() noexcept {
  if (context_.events == nullptr) return;
  context_.events->push({.kind = EventKind::refusal,
                         .time = context_.wall,
                         .worker = context_.worker,
                         .peer = peer_,
                         .helo = session_.helo(),
                         .reply = ReplyId::timed_out,
                         .verb = session_.receiving_data() ? core::Verb::data : core::Verb::unknown,
                         .refused = 1,
                         .early = take_early_talk()});
}

}  // namespace mailrace::net
