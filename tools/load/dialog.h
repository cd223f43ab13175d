// SPDX-License-Identifier: GPL-3.0-or-later
// The client's side of SMTP and LMTP as a chain of steps. Knows no socket.
#pragma once

#include "core/base/time.h"
#include "tools/load/load_context.h"
#include "tools/load/outgoing.h"
#include "tools/load/reply_parser.h"
#include "tools/load/transaction.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::tools {

/// Named after what was sent: the reply to it is awaited.
enum class LoadStep : uint8_t {
  idle,
  connect,
  hello,  // EHLO or LHLO
  starttls,
  handshake,
  mail,
  rcpt,
  data,
  mail_data,  // behind DATA, or a chunk of BDAT
  reset,
  resting,  // nothing was sent: no message is due
  quit,
  end,
  failed
};

/// What is to be done about a reply.
enum class LoadAction : uint8_t {
  wait,          // for the next one
  send,          // text()
  mail_data,     // send what outgoing() has
  handshake,     // of TLS
  rest,          // until a message is due: begin_due(), or quit()
  end,           // hang up
  unexpected,    // give up: another code than the one that goes on
  not_chunking,  // give up: BDAT is not offered
};

/// One connection after the other: hello, messages, quit. Never says anything before the reply to
/// the last step is there.
class LoadDialog {
 public:
  explicit LoadDialog(LoadContext& context) noexcept;

  /// A new connection: its greeting is awaited. most   messages over it; 0: no end
  void open(uint64_t most) noexcept;
  /// A whole reply. Counts, and decides.
  LoadAction on_reply(const ReplyParser& reply) noexcept;
  /// The handshake of TLS is over.
  LoadAction on_established() noexcept;
  /// The mail data is on its way as far as it is to go at all.
  LoadAction on_cut() noexcept;
  void fail() noexcept { step_ = LoadStep::failed; }
  void close() noexcept {
    step_ = LoadStep::idle;
    due_.reset();
  }

  /// In an open loop, while idle: what the next connection is opened for became due then.
  void expect_due(core::Instant due) noexcept { due_ = due; }
  bool is_due() const noexcept { return due_.has_value(); }
  /// Requires: it is resting.
  LoadAction begin_due(core::Instant due) noexcept;
  LoadAction quit() noexcept;

  LoadStep step() const noexcept { return step_; }
  /// For messages: "RCPT".
  std::string_view step_name() const noexcept;
  /// What is to be sent; valid until the next call of on_reply().
  std::string_view text() const noexcept { return text_; }
  LoadOutgoing& outgoing() noexcept { return outgoing_; }
  /// A phase begins: something was sent, or is to be. Ends with the next reply.
  void wait_from(core::Instant now) noexcept { waiting_since_ = now; }
  void count_phase(LoadPhase phase, core::Instant end) noexcept;

 private:
  struct Expected;
  const Expected& expected() const noexcept;
  bool is_expected(uint32_t code) const noexcept;
  LoadAction send(std::string_view text) noexcept;
  LoadAction send_unless_pipelined(std::string_view text) noexcept;
  LoadAction hello() noexcept;
  LoadAction behind_hello(const ReplyParser& reply) noexcept;
  LoadAction behind_rcpt() noexcept;
  LoadAction begin_mail_data() noexcept;
  LoadAction behind_mail_data() noexcept;
  LoadAction behind_reset() noexcept;
  LoadAction next_message() noexcept;
  LoadAction send_message() noexcept;
  void count_message() noexcept;

  LoadContext& context_;
  const LoadPlan& plan_;
  LoadStep step_ = LoadStep::idle;
  bool pipelining_ = false;
  bool is_encrypted_ = false;
  uint64_t messages_most_ = 0;  // over this connection
  uint64_t messages_done_ = 0;
  uint32_t replies_ = 0;              // to RCPT, or of LMTP to the mail data
  uint32_t crc_ = 0;                  // of the message
  core::Instant waiting_since_{};     // for the end of a phase
  std::optional<core::Instant> due_;  // of the message, in an open loop
  LoadTransaction transaction_;
  std::string_view text_;
  LoadOutgoing outgoing_;
};

}  // namespace mailrace::tools
