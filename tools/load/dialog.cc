// SPDX-License-Identifier: GPL-3.0-or-later
// A reply, and what is said to it.
#include "tools/load/dialog.h"

#include "core/base/check.h"
#include "net/system_clock.h"

#include <iterator>
#include <optional>

namespace mailrace::tools {

LoadDialog::LoadDialog(LoadContext& context) noexcept
    : context_(context),
      plan_(context.plan),
      transaction_(context.plan),
      outgoing_(*context.plan.mail) {}

void LoadDialog::open(uint64_t most) noexcept {
  step_ = LoadStep::connect;
  waiting_since_ = context_.now;
  pipelining_ = false;
  is_encrypted_ = false;
  messages_most_ = most;
  messages_done_ = 0;
}

std::string_view LoadDialog::step_name() const noexcept {
  static constexpr std::string_view kNames[] = {
      "",     "connect",   "",     "STARTTLS", "TLS handshake", "MAIL", "RCPT",
      "DATA", "mail data", "RSET", "rest",     "QUIT",          "221",  ""};
  static_assert(std::size(kNames) == size_t(LoadStep::failed) + 1);
  if (step_ == LoadStep::hello) return std::string_view(plan_.hello).substr(0, 4);
  return kNames[size_t(step_)];
}

// The code that goes on after each step, 0 where no reply is due; and the phase that ends with it.
// That of the message ends by a clock of its own.
struct LoadDialog::Expected {
  uint32_t code;
  std::optional<LoadPhase> phase = {};
};

const LoadDialog::Expected& LoadDialog::expected() const noexcept {
  static constexpr Expected kExpected[] = {{0},
                                           {220, LoadPhase::banner},
                                           {250, LoadPhase::ehlo},
                                           {220},
                                           {0},
                                           {250, LoadPhase::mail},
                                           {250, LoadPhase::rcpt},
                                           {354, LoadPhase::data},
                                           {250},
                                           {250},
                                           {0},
                                           {221},
                                           {0},
                                           {0}};
  static_assert(std::size(kExpected) == size_t(LoadStep::failed) + 1);
  return kExpected[size_t(step_)];
}

bool LoadDialog::is_expected(uint32_t code) const noexcept {
  if (step_ == LoadStep::rcpt && transaction_.is_bad(replies_)) return code >= 400;
  if (step_ == LoadStep::mail_data && !outgoing_.is_handed()) return false;
  return code == expected().code;
}

LoadAction LoadDialog::send(std::string_view text) noexcept {
  text_ = text;
  return LoadAction::send;
}

// It went with what was said before, if that goes in one piece.
LoadAction LoadDialog::send_unless_pipelined(std::string_view text) noexcept {
  return pipelining_ ? LoadAction::wait : send(text);
}

LoadAction LoadDialog::on_reply(const ReplyParser& reply) noexcept {
  ++context_.stats.replies[reply.code()];
  if (!is_expected(reply.code())) return LoadAction::unexpected;
  if (const auto phase = expected().phase) count_phase(*phase, context_.now);
  switch (step_) {
    case LoadStep::connect:
      ++context_.stats.connections;
      return hello();
    case LoadStep::hello:
      return behind_hello(reply);
    case LoadStep::starttls:
      step_ = LoadStep::handshake;
      return LoadAction::handshake;
    case LoadStep::mail:
      step_ = LoadStep::rcpt;
      replies_ = 0;
      return pipelining_ ? LoadAction::wait : send(transaction_.rcpt_command(0));
    case LoadStep::rcpt:
      return behind_rcpt();
    case LoadStep::data:
      return begin_mail_data();
    case LoadStep::mail_data:
      return behind_mail_data();
    case LoadStep::reset:
      return behind_reset();
    case LoadStep::quit:
      step_ = LoadStep::end;
      return LoadAction::end;
    case LoadStep::idle:
    case LoadStep::handshake:
    case LoadStep::resting:
    case LoadStep::end:
    case LoadStep::failed:
      break;  // no reply is expected
  }
  return LoadAction::unexpected;
}

// The greeting is still to come if TLS is from the first octet.
LoadAction LoadDialog::on_established() noexcept {
  is_encrypted_ = true;
  return step_ == LoadStep::handshake ? hello() : LoadAction::wait;
}

LoadAction LoadDialog::on_cut() noexcept {
  ++context_.stats.aborted;
  due_.reset();
  step_ = LoadStep::end;
  return LoadAction::end;
}

LoadAction LoadDialog::hello() noexcept {
  step_ = LoadStep::hello;
  return send(plan_.hello);
}

LoadAction LoadDialog::behind_hello(const ReplyParser& reply) noexcept {
  if (plan_.options.tls.mode == LoadTlsMode::starttls && !is_encrypted_) {
    step_ = LoadStep::starttls;
    return send(plan_.starttls);
  }
  pipelining_ = plan_.options.pipelining && reply.offers_pipelining();
  if (plan_.options.framing == LoadFraming::bdat && !reply.offers_chunking()) {
    return LoadAction::not_chunking;
  }
  return next_message();
}

LoadAction LoadDialog::behind_rcpt() noexcept {
  if (transaction_.is_bad(replies_)) ++context_.stats.refused_recipients;
  if (++replies_ < transaction_.recipients()) {
    return pipelining_ ? LoadAction::wait : send(transaction_.rcpt_command(replies_));
  }
  switch (transaction_.end()) {
    case LoadTransaction::End::no_recipients:
    case LoadTransaction::End::reset:
      step_ = LoadStep::reset;
      return send_unless_pipelined(plan_.reset_command);
    case LoadTransaction::End::sent:
    case LoadTransaction::End::cut:
      break;
  }
  if (plan_.options.framing == LoadFraming::bdat) return begin_mail_data();
  step_ = LoadStep::data;
  return send_unless_pipelined(plan_.data_command);
}

LoadAction LoadDialog::begin_mail_data() noexcept {
  step_ = LoadStep::mail_data;
  replies_ = 0;
  outgoing_.begin(plan_.mail->head_bytes(), transaction_.body().wire,
                  transaction_.end() == LoadTransaction::End::cut);
  if (plan_.options.framing == LoadFraming::bdat) {
    outgoing_.begin_chunk(plan_.options.bdat_chunk_bytes);
  } else {
    outgoing_.begin_whole();
  }
  return LoadAction::mail_data;
}

// A chunk that is not the last has one reply. Behind the last, LMTP has one for each recipient that
// it accepted (RFC 2033 section 4.2).
LoadAction LoadDialog::behind_mail_data() noexcept {
  if (!outgoing_.is_last()) {
    outgoing_.begin_chunk(plan_.options.bdat_chunk_bytes);
    return LoadAction::mail_data;
  }
  if (outgoing_.is_cut()) return LoadAction::wait;  // it just happens to end with a chunk
  const bool is_lmtp = plan_.target.protocol == LoadProtocol::lmtp;
  if (is_lmtp && ++replies_ < transaction_.good_recipients()) return LoadAction::wait;
  count_message();
  due_.reset();
  ++messages_done_;
  return next_message();
}

LoadAction LoadDialog::behind_reset() noexcept {
  const bool on_purpose = transaction_.end() == LoadTransaction::End::reset;
  ++(on_purpose ? context_.stats.aborted : context_.stats.without_recipients);
  due_.reset();
  ++messages_done_;
  return next_message();
}

void LoadDialog::count_phase(LoadPhase phase, core::Instant end) noexcept {
  if (!context_.measuring) return;
  context_.stats.phases_ns[size_t(phase)].add(uint64_t((end - waiting_since_).ns));
}

// By when it is acknowledged: so the rate is right however long a message is on its way.
void LoadDialog::count_message() noexcept {
  const uint64_t size = transaction_.body().size;
  if (plan_.options.id_writer != nullptr) {
    context_.acknowledged.push_back({transaction_.number(), size, crc_});
  }
  if (!context_.measuring) {
    ++context_.stats.warmup_messages;
    return;
  }
  context_.stats.last_reply = net::SystemClock().now();
  const core::Instant begun = due_.value_or(waiting_since_);
  context_.stats.latency_ns.add(uint64_t((context_.stats.last_reply - begun).ns));
  count_phase(LoadPhase::message, context_.stats.last_reply);
  ++context_.stats.messages;
  context_.stats.bytes += size;
}

LoadAction LoadDialog::next_message() noexcept {
  if (due_) return send_message();  // it is what the connection was opened for
  if (!context_.may_begin() || (messages_most_ > 0 && messages_done_ >= messages_most_)) {
    return quit();
  }
  if (context_.pacer != nullptr) {
    due_ = context_.pacer->take();
    if (!due_) {
      step_ = LoadStep::resting;
      return LoadAction::rest;
    }
  }
  return send_message();
}

LoadAction LoadDialog::begin_due(core::Instant due) noexcept {
  MAILRACE_CHECK(step_ == LoadStep::resting);
  due_ = due;
  return send_message();
}

LoadAction LoadDialog::quit() noexcept {
  step_ = LoadStep::quit;
  return send(plan_.quit);
}

LoadAction LoadDialog::send_message() noexcept {
  --context_.messages_left;
  transaction_.choose(context_.next_number++);
  crc_ = plan_.mail->patch(outgoing_.head(), transaction_.number(), transaction_.body());
  step_ = LoadStep::mail;
  return send(pipelining_ ? transaction_.batch() : std::string_view(plan_.mail_command));
}

}  // namespace mailrace::tools
