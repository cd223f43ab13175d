// SPDX-License-Identifier: GPL-3.0-or-later
// The receiving side of SMTP and LMTP that keeps nothing and fails when it is told to. No I/O, no
// clock.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "core/base/prng.h"
#include "core/smtp/chunked_data.h"
#include "core/smtp/command.h"
#include "core/smtp/line_reader.h"
#include "core/smtp/mail_data.h"
#include "core/smtp/reply.h"
#include "tools/sink/faults.h"
#include "tools/sink/mail_digest.h"
#include "tools/sink/stats.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// What all sessions share and none changes.
struct SinkPlan {
  /// fails   with one line on faults that do not go together, see FaultPlan::make()
  static tl::expected<SinkPlan, std::string> make(const SinkOptions& options);

  SinkOptions options;
  FaultPlan faults;
  std::string greeting;    // whole replies, line ends included
  std::string ehlo_reply;  // LHLO's as well
  bool digests = false;    // somebody wants to know what arrived
};

/// What the sessions of a worker share. Belongs to its thread.
struct SinkContext {
  const SinkPlan& plan;
  SinkStats& stats;
  std::vector<MailRecord>& records;  // of mails that were taken, if SinkPlan::digests
  core::Instant now{};               // of this tick
  bool draining = false;             // no mail is begun any more
};

/// What a session needs before it can go on.
enum class SinkNeed : uint8_t {
  input,    // more octets
  output,   // room in the ReplyBuffer: send, then feed again
  delay,    // send the replies, wait for SinkStep::delay, then feed again
  close,    // send the replies, then close: the client asked for it, and sends nothing more
  hang_up,  // send the replies, then say that no more comes; what the client sends is thrown away
  reset,    // close by RST; replies that were not sent are lost
};

struct SinkStep {
  SinkNeed need = SinkNeed::input;
  size_t consumed = 0;  // octets of the input done with
  core::Duration delay{};
};

/// One session. It begins with the greeting, at the first feed().
class SinkSession {
 public:
  /// context   must outlive the session
  /// lines     has a block for each session
  /// seed      of the faults: with the same one they are the same for the same input
  SinkSession(SinkContext& context, core::BlockPool& lines, uint64_t seed) noexcept
      : context_(context), lines_(lines), random_(seed) {}

  /// Consumes a prefix of `input` and says what it needs next.
  ///
  /// input     octets as received, split anywhere, possibly none
  /// out       where replies go; attached
  /// returns   all of it is consumed if the need is input
  /// requires  the last step's need was none of the last three
  /// source    RFC 5321, RFC 2920, RFC 3030; RFC 2033 (LMTP)
  SinkStep feed(core::Octets input, core::ReplyBuffer& out) noexcept;

 private:
  enum class State : uint8_t { command, mail_data, chunk };

  const SinkOptions& options() const noexcept { return context_.plan.options; }
  bool is_lmtp() const noexcept { return options().protocol == SinkProtocol::lmtp; }

  SinkNeed execute(const core::CommandLine& line, core::ReplyBuffer& out) noexcept;
  SinkNeed dispatch(const core::Command& command, core::ReplyBuffer& out) noexcept;
  SinkNeed greet(const core::Command& command, core::ReplyBuffer& out) noexcept;
  SinkNeed mail(const core::Command& command, core::ReplyBuffer& out) noexcept;
  SinkNeed rcpt(const core::Command& command, core::ReplyBuffer& out) noexcept;
  SinkNeed data(core::ReplyBuffer& out) noexcept;
  SinkNeed bdat(const core::Command& command, core::ReplyBuffer& out) noexcept;
  SinkNeed simple(const core::Command& command, core::ReplyBuffer& out) noexcept;
  std::optional<core::ReplyId> judge_data() const noexcept;
  size_t feed_mail_data(core::Octets input) noexcept;
  size_t feed_chunk(core::Octets input, core::ReplyBuffer& out, SinkNeed& need) noexcept;
  SinkNeed end_chunk(core::ReplyBuffer& out) noexcept;
  void begin_content() noexcept;
  void end_content(uint64_t bytes) noexcept;

  SinkNeed reach(FaultStage stage) noexcept;
  SinkNeed conclude(core::ReplyBuffer& out) noexcept;
  void succeed(core::ReplyBuffer& out) noexcept;
  void take_message(core::ReplyBuffer& out) noexcept;
  SinkNeed fail(uint16_t code, core::ReplyBuffer& out) noexcept;
  void next_recipient() noexcept;
  SinkNeed refuse(core::ReplyId reply, core::ReplyBuffer& out) noexcept;
  void reset() noexcept;

  SinkContext& context_;
  core::LineReader lines_;
  core::Prng random_;
  core::MailData mail_data_;
  core::ChunkedData chunks_;
  MailDigest digest_;

  State state_ = State::command;
  // The reply that is due, and whether its delay is over.
  std::optional<FaultStage> due_ = FaultStage::banner;
  bool has_waited_ = false;
  core::Duration delay_{};

  bool is_greeted_ = false;   // by EHLO, HELO or LHLO
  bool is_extended_ = false;  // not by HELO
  bool is_open_ = false;      // a transaction is
  bool is_utf8_ = false;      // it has SMTPUTF8
  bool in_chunks_ = false;    // BDAT has begun
  bool is_taken_ = false;     // the message counts already: LMTP has more than one reply
  uint32_t recipients_ = 0;   // of the transaction; while its message is answered, those left
  uint32_t errors_ = 0;       // refused commands since the last message
  uint64_t bytes_ = 0;        // of the message that has ended
  core::ChunkHeader chunk_;
  std::optional<core::ReplyId> chunk_refusal_;  // the chunk is being discarded
};

}  // namespace mailrace::tools
