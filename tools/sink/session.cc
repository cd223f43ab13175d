// SPDX-License-Identifier: GPL-3.0-or-later
// Commands and mail data are the server's own parsers; here is only their order, and what is said.
#include "tools/sink/session.h"

#include "core/base/text.h"
#include "core/smtp/parameters.h"
#include "core/smtp/path.h"

#include <array>

namespace mailrace::tools {
namespace {

using core::ReplyId;
using core::Verb;

constexpr uint16_t kClosingCode = 421;

// LMTP's word for EHLO is a command of its own, RFC 2033 section 4.1.
bool is_lhlo(const core::Command& command) noexcept {
  return core::equal_ignoring_case(command.word, "LHLO");
}

// Parameters that the parser knows and the reply to EHLO has not.
bool were_offered(const core::MailParameters& parameters) noexcept {
  const core::MailClaims& claims = parameters.claims;
  return !parameters.prdr && parameters.envelope_id.empty() && !claims.requires_tls &&
         claims.body != core::BodyType::binary_mime && !claims.priority &&
         claims.return_content == core::ReturnContent::unspecified;
}

}  // namespace

tl::expected<SinkPlan, std::string> SinkPlan::make(const SinkOptions& options) {
  auto faults = FaultPlan::make(options);
  if (!faults) return tl::unexpected(faults.error());
  SinkPlan plan;
  plan.options = options;
  plan.faults = std::move(*faults);
  plan.digests = !options.ids.empty() || !options.verify.empty();
  const bool is_lmtp = options.protocol == SinkProtocol::lmtp;
  plan.greeting = "220 " + options.hostname + (is_lmtp ? " LMTP" : " ESMTP") + " mailrace sink\r\n";
  plan.ehlo_reply = "250-" + options.hostname + "\r\n250-PIPELINING\r\n250-SIZE " +
                    std::to_string(options.message_bytes_max) +
                    "\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
                    "250 ENHANCEDSTATUSCODES\r\n";
  return plan;
}

SinkStep SinkSession::feed(core::Octets input, core::ReplyBuffer& out) noexcept {
  size_t used = 0;
  while (true) {
    if (!out.has_room()) return {.need = SinkNeed::output, .consumed = used};
    SinkNeed need = SinkNeed::input;
    if (due_) {
      need = conclude(out);
    } else if (state_ == State::chunk) {
      if (used == input.size() && !chunks_.at_end_of_chunk()) return {.consumed = used};
      used += feed_chunk(input.subspan(used), out, need);
    } else if (used == input.size()) {
      return {.consumed = used};
    } else if (state_ == State::mail_data) {
      used += feed_mail_data(input.subspan(used));
    } else if (const auto line = lines_.take(input, used)) {
      need = execute(*line, out);
    }
    if (need != SinkNeed::input) return {.need = need, .consumed = used, .delay = delay_};
  }
}

// --- replies that may fail -----------------------------------------------------------------------

SinkNeed SinkSession::reach(FaultStage stage) noexcept {
  due_ = stage;
  has_waited_ = false;
  return SinkNeed::input;
}

SinkNeed SinkSession::conclude(core::ReplyBuffer& out) noexcept {
  const FaultStage stage = *due_;
  const FaultPlan& faults = context_.plan.faults;
  if (!std::exchange(has_waited_, true)) {
    delay_ = faults.delay(stage);
    if (delay_.ns > 0) {
      context_.stats.count_fault(stage, FaultKind::delay);
      return SinkNeed::delay;
    }
  }
  const FaultRule* const fault = faults.draw(stage, random_);
  if (fault == nullptr) {
    succeed(out);
    return SinkNeed::input;
  }
  context_.stats.count_fault(stage, fault->kind);
  if (fault->kind == FaultKind::reset) return SinkNeed::reset;
  if (fault->kind == FaultKind::close) return SinkNeed::hang_up;
  return fail(fault->code, out);
}

void SinkSession::succeed(core::ReplyBuffer& out) noexcept {
  switch (*due_) {
    case FaultStage::banner:
      out.add_lines(ReplyId::greeting, context_.plan.greeting);
      break;
    case FaultStage::ehlo:
      reset();
      is_greeted_ = true;
      if (is_extended_) {
        out.add_lines(ReplyId::ehlo_ok, context_.plan.ehlo_reply);
      } else {
        out.add(ReplyId::helo_ok, options().hostname);
      }
      break;
    case FaultStage::mail:
      is_open_ = true;
      out.add(ReplyId::mail_ok);
      break;
    case FaultStage::rcpt:
      ++recipients_;
      out.add(ReplyId::rcpt_ok);
      break;
    case FaultStage::data:
      if (!in_chunks_) {
        state_ = State::mail_data;
        mail_data_.begin(options().message_bytes_max, core::BareNewline::keep);
        begin_content();
        out.add(ReplyId::start_mail_data);
      } else {
        std::array<char, 20> digits;
        core::TextBuilder bytes(digits.data(), digits.size());
        out.add(ReplyId::chunk_taken, bytes.add_number(chunk_.bytes).text());
      }
      break;
    case FaultStage::message:
      return take_message(out);
  }
  due_.reset();
}

void SinkSession::take_message(core::ReplyBuffer& out) noexcept {
  // In chunks too much is refused before it comes.
  if (!in_chunks_ && mail_data_.defect() == core::DataDefect::too_large) {
    out.add(ReplyId::mail_too_large);
    return next_recipient();
  }
  if (!std::exchange(is_taken_, true)) {
    errors_ = 0;
    SinkStats& stats = context_.stats;
    ++stats.messages;
    stats.bytes += bytes_;
    stats.last_message = context_.now;
    if (context_.plan.digests) {
      const MailRecord& record = context_.records.emplace_back(digest_.record());
      if (!record.has_id) ++stats.without_id;
      if (record.is_altered) ++stats.altered;
    }
  }
  out.add(is_lmtp() ? ReplyId::recipient_accepted : ReplyId::noop_ok);
  next_recipient();
}

// Behind the reply to the end of the mail data, or to one recipient of it.
void SinkSession::next_recipient() noexcept {
  if (is_lmtp() && --recipients_ > 0) return;  // the next reply is due
  due_.reset();
  reset();
}

SinkNeed SinkSession::fail(uint16_t code, core::ReplyBuffer& out) noexcept {
  std::array<char, 64> memory;
  core::TextBuilder line(memory.data(), memory.size());
  line.add_number(code).add(' ').add(char('0' + code / 100)).add(".0.0 a fault, as asked for\r\n");
  out.add_lines(ReplyId::spool_failed, line.text());
  const FaultStage stage = *due_;
  if (stage == FaultStage::message && code != kClosingCode) {
    next_recipient();
    return SinkNeed::input;
  }
  due_.reset();
  if (stage == FaultStage::data) reset();
  const bool ends = code == kClosingCode || stage == FaultStage::banner;
  return ends ? SinkNeed::hang_up : SinkNeed::input;
}

// What nobody asked for: mistakes of the client. Too many of them end the session.
SinkNeed SinkSession::refuse(ReplyId reply, core::ReplyBuffer& out) noexcept {
  if (++errors_ < core::kErrorsDefault) {
    out.add(reply);
    return SinkNeed::input;
  }
  ++context_.stats.dropped;
  out.add(ReplyId::too_many_errors);
  return SinkNeed::hang_up;
}

void SinkSession::reset() noexcept {
  is_open_ = false;
  is_utf8_ = false;
  in_chunks_ = false;
  recipients_ = 0;
}

// --- commands ------------------------------------------------------------------------------------

SinkNeed SinkSession::execute(const core::CommandLine& line, core::ReplyBuffer& out) noexcept {
  if (line.too_long) return refuse(ReplyId::line_too_long, out);
  const core::Command command = core::parse_command(line.text);
  if (command.malformed) return refuse(ReplyId::line_malformed, out);
  const core::ArgumentRule rule = core::verb_row(command.verb).argument;
  if (rule == core::ArgumentRule::none && !command.argument.empty()) {
    return refuse(ReplyId::argument_unexpected, out);
  }
  if (rule == core::ArgumentRule::required && command.argument.empty()) {
    return refuse(ReplyId::argument_missing, out);
  }
  return dispatch(command, out);
}

SinkNeed SinkSession::dispatch(const core::Command& command, core::ReplyBuffer& out) noexcept {
  switch (command.verb) {
    case Verb::ehlo:
    case Verb::helo:
      return is_lmtp() ? refuse(ReplyId::unknown_verb, out) : greet(command, out);
    case Verb::mail:
      return mail(command, out);
    case Verb::rcpt:
      return rcpt(command, out);
    case Verb::data:
      return data(out);
    case Verb::bdat:
      return bdat(command, out);
    case Verb::rset:
    case Verb::noop:
    case Verb::quit:
    case Verb::vrfy:
    case Verb::help:
      return simple(command, out);
    case Verb::expn:
    case Verb::starttls:
    case Verb::xclient:
    case Verb::unimplemented:
      return refuse(ReplyId::not_implemented, out);
    case Verb::unknown:
      break;
  }
  if (is_lmtp() && is_lhlo(command)) return greet(command, out);
  return refuse(ReplyId::unknown_verb, out);
}

SinkNeed SinkSession::greet(const core::Command& command, core::ReplyBuffer& out) noexcept {
  if (!core::is_helo_name(command.argument)) return refuse(ReplyId::helo_name_malformed, out);
  is_extended_ = command.verb != Verb::helo;
  return reach(FaultStage::ehlo);
}

SinkNeed SinkSession::mail(const core::Command& command, core::ReplyBuffer& out) noexcept {
  if (!is_greeted_) return refuse(ReplyId::helo_first, out);
  if (is_open_) return refuse(ReplyId::mail_again, out);
  if (context_.draining) {
    out.add(ReplyId::service_closing);
    return SinkNeed::hang_up;
  }
  const auto argument = core::split_path_argument(command.argument, "FROM:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  const auto [parameters, error] = core::parse_mail_parameters(argument->parameters);
  is_utf8_ = parameters.claims.is_smtputf8;
  const auto charset = is_utf8_ ? core::Charset::utf8 : core::Charset::ascii;
  const core::ParsedPath path = core::parse_reverse_path(argument->path, charset);
  if (path.error != core::PathError::none) return refuse(ReplyId::reverse_path_malformed, out);
  if (error == core::ParameterError::unknown || !were_offered(parameters)) {
    return refuse(ReplyId::parameter_unknown, out);
  }
  if (error != core::ParameterError::none) return refuse(ReplyId::parameter_malformed, out);
  if (parameters.size.value_or(0) > options().message_bytes_max) {
    return refuse(ReplyId::mail_too_large, out);
  }
  return reach(FaultStage::mail);
}

SinkNeed SinkSession::rcpt(const core::Command& command, core::ReplyBuffer& out) noexcept {
  if (!is_open_) return refuse(ReplyId::mail_first, out);
  if (in_chunks_) return refuse(ReplyId::chunks_begun, out);
  const auto argument = core::split_path_argument(command.argument, "TO:");
  if (!argument) return refuse(ReplyId::syntax_of_arguments, out);
  const auto charset = is_utf8_ ? core::Charset::utf8 : core::Charset::ascii;
  const core::ParsedPath path = core::parse_forward_path(argument->path, charset);
  if (path.error != core::PathError::none) return refuse(ReplyId::forward_path_malformed, out);
  // DSN, whose parameters there would be, is not offered.
  if (!argument->parameters.empty()) return refuse(ReplyId::parameter_unknown, out);
  if (recipients_ == options().recipients_max) return refuse(ReplyId::too_many_recipients, out);
  return reach(FaultStage::rcpt);
}

std::optional<ReplyId> SinkSession::judge_data() const noexcept {
  if (!is_open_) return ReplyId::mail_first;
  if (recipients_ == 0) return ReplyId::no_valid_recipients;
  return std::nullopt;
}

SinkNeed SinkSession::data(core::ReplyBuffer& out) noexcept {
  if (in_chunks_) return refuse(ReplyId::chunks_begun, out);
  if (const auto refusal = judge_data()) return refuse(*refusal, out);
  return reach(FaultStage::data);
}

SinkNeed SinkSession::simple(const core::Command& command, core::ReplyBuffer& out) noexcept {
  if (command.verb == Verb::quit) {
    out.add(ReplyId::goodbye);
    return SinkNeed::close;
  }
  if (command.verb == Verb::rset) {
    reset();
    out.add(ReplyId::reset_ok);
  } else if (command.verb == Verb::noop) {
    out.add(ReplyId::noop_ok);
  } else {
    out.add(command.verb == Verb::vrfy ? ReplyId::cannot_verify : ReplyId::help);
  }
  return SinkNeed::input;
}

// --- mail data -----------------------------------------------------------------------------------

void SinkSession::begin_content() noexcept {
  if (context_.plan.digests) digest_.begin();
}

void SinkSession::end_content(uint64_t bytes) noexcept {
  bytes_ = bytes;
  is_taken_ = false;
  state_ = State::command;
  reach(FaultStage::message);
}

size_t SinkSession::feed_mail_data(core::Octets input) noexcept {
  const core::MailDataStep step = mail_data_.feed(input);
  if (context_.plan.digests && mail_data_.defect() == core::DataDefect::none) {
    digest_.feed(step.content);
  }
  if (step.ended) end_content(mail_data_.bytes());
  return step.consumed;
}

SinkNeed SinkSession::bdat(const core::Command& command, core::ReplyBuffer& out) noexcept {
  const auto chunk = core::parse_bdat_argument(command.argument);
  if (!chunk) {  // nobody knows where the next command begins
    out.add(ReplyId::bdat_malformed);
    return SinkNeed::hang_up;
  }
  chunk_ = *chunk;
  chunk_refusal_ = judge_data();
  const uint64_t before = in_chunks_ ? chunks_.bytes() : 0;
  if (!chunk_refusal_ && chunk->bytes > options().message_bytes_max - before) {
    chunk_refusal_ = ReplyId::mail_too_large;
  }
  if (chunk_refusal_ && chunk->bytes > core::kDiscardedChunkBytesMax) {
    out.add(*chunk_refusal_);
    return SinkNeed::hang_up;
  }
  if (!chunk_refusal_ && !std::exchange(in_chunks_, true)) {
    chunks_.begin(/*is_text=*/true, core::BareNewline::keep);
    begin_content();
  }
  chunks_.begin_chunk(chunk_.bytes, /*wanted=*/!chunk_refusal_);
  state_ = State::chunk;
  return SinkNeed::input;
}

size_t SinkSession::feed_chunk(core::Octets input, core::ReplyBuffer& out,
                               SinkNeed& need) noexcept {
  const core::ChunkStep step = chunks_.feed(input);
  if (context_.plan.digests) digest_.feed(step.content);
  if (chunks_.at_end_of_chunk()) need = end_chunk(out);
  return step.consumed;
}

SinkNeed SinkSession::end_chunk(core::ReplyBuffer& out) noexcept {
  state_ = State::command;
  if (chunk_refusal_) {
    // The mail without one of its chunks would be another one.
    reset();
    return refuse(*chunk_refusal_, out);
  }
  if (!chunk_.is_last) return reach(FaultStage::data);
  end_content(chunks_.bytes());
  return SinkNeed::input;
}

}  // namespace mailrace::tools
