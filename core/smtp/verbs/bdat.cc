// SPDX-License-Identifier: GPL-3.0-or-later
// BDAT (RFC 3030 section 2): chunks of declared size. Whatever becomes of a chunk, as many octets
// as were declared are taken off the stream, so that the next command is found.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/smtp/server_session.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mailrace::core {

Step ServerSession::check_bdat(const Command& command, ReplyBuffer& out) noexcept {
  const auto chunk = parse_bdat_argument(command.argument);
  if (!chunk) return refuse_and_close(ReplyId::bdat_malformed, out);
  chunk_ = *chunk;
  if (const auto refusal = judge_chunk()) return discard_chunk(*refusal, out);
  if (!mail_open_) return ask(Question::data, {});
  return begin_chunk();
}

std::optional<ReplyId> ServerSession::judge_chunk() noexcept {
  if (needs_tls_for(Verb::bdat)) return ReplyId::tls_needed;
  if (chunk_failed_) return ReplyId::chunk_failed;
  if (const auto refusal = judge_data()) return refusal;
  const uint64_t bytes_before = mail_open_ ? chunks_.bytes() : 0;
  MAILRACE_CHECK(bytes_before <= config_.message_bytes_max);
  if (chunk_.bytes > config_.message_bytes_max - bytes_before) return ReplyId::mail_too_large;
  const bool is_idle = chunk_.bytes == 0 && !chunk_.is_last;
  if (is_idle && mail_open_ && ++empty_chunks_ > kEmptyChunksMax) {
    return ReplyId::too_many_empty_chunks;
  }
  return std::nullopt;
}

Step ServerSession::begin_chunk() noexcept {
  state_ = State::chunk;
  chunks_.begin_chunk(chunk_.bytes, /*wanted=*/true);
  return {};
}

// The reply comes behind the chunk's last octet: a client that waits for it between chunks and one
// that does not are told the same.
Step ServerSession::discard_chunk(ReplyId refusal, ReplyBuffer& out) noexcept {
  const uint64_t bytes_max = std::max(config_.message_bytes_max, kDiscardedChunkBytesMax);
  const uint64_t bytes = std::max(chunk_.bytes, kDiscardedChunkBytesMin);
  if (bytes > bytes_max - discarded_bytes_) return refuse_and_close(ReplyId::mail_too_large, out);
  discarded_bytes_ += bytes;
  state_ = State::chunk;
  chunk_refusal_ = refusal;
  chunks_.begin_chunk(chunk_.bytes, /*wanted=*/false);
  return {};
}

Step ServerSession::feed_chunk(Octets input, ReplyBuffer& out) noexcept {
  const ChunkStep chunk = chunks_.feed(input);
  if (!chunk.content.empty()) {
    if (is_inspected_) inspect(chunk.content);
    if (chunks_.defect() != DataDefect::none) is_refused_ = true;
    if (!is_refused_) {
      return {.need = Need::append, .consumed = chunk.consumed, .mail_data = chunk.content};
    }
  }
  if (!chunks_.at_end_of_chunk()) return {.consumed = chunk.consumed};
  Step step = end_chunk(out);
  step.consumed = chunk.consumed;
  return step;
}

Step ServerSession::end_chunk(ReplyBuffer& out) noexcept {
  state_ = State::command;
  if (chunk_refusal_) return fail_chunk(*std::exchange(chunk_refusal_, std::nullopt), out);
  if (chunk_.is_last) return end_mail_data();
  if (const auto refusal = mail_refusal()) return fail_chunk(*refusal, out);
  std::array<char, 20> digits;
  TextBuilder bytes(digits.data(), digits.size());
  bytes.add_number(chunk_.bytes);
  return answer(ReplyId::chunk_taken, out, bytes.text());
}

// "The message should be considered failed": the transaction is over, since a mail that goes on
// without one of its chunks would be another one. Further chunks may be on their way already.
Step ServerSession::fail_chunk(ReplyId refusal, ReplyBuffer& out) noexcept {
  const bool others_may_follow = (transaction_.is_open || chunk_failed_) && !chunk_.is_last;
  const Need need = reset();
  chunk_failed_ = others_may_follow;
  Step step = refuse(refusal, out);
  if (need == Need::drop && step.need != Need::close) {
    MAILRACE_CHECK(step.need ==
                   Need::input);  // what a mail is refused for is no error of a command
    step.need = Need::drop;
  }
  return step;
}

}  // namespace mailrace::core
