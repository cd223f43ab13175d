// SPDX-License-Identifier: GPL-3.0-or-later
// The server side of SMTP: octets in, replies out, one need at a time. No I/O, no clock.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bounded.h"
#include "core/base/bytes.h"
#include "core/message/header_section.h"
#include "core/message/line_length.h"
#include "core/smtp/chunked_data.h"
#include "core/smtp/command.h"
#include "core/smtp/line_reader.h"
#include "core/smtp/mail_data.h"
#include "core/smtp/parameters.h"
#include "core/smtp/path.h"
#include "core/smtp/replies.h"
#include "core/smtp/reply.h"
#include "core/smtp/session_options.h"
#include "core/smtp/transaction.h"
#include "core/smtp/xclient.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// What the session needs before it can go on.
enum class Need : uint8_t {
  input,      // more octets
  output,     // room in the ReplyBuffer: send, then feed again
  verdict,    // judge Step::question, then resume()
  append,     // add Step::mail_data to the mail that was opened; then feed again
  delay,      // send the replies, wait for SessionOptions::error_delay, then feed again
  drop,       // forget the mail that was opened: its transaction has ended; then feed again
  commit,     // the mail data has ended: make the mail durable, or drop it if there is a
              // mail_refusal(); then resume(), and only then 250 is said (section 6.1)
  handshake,  // send the replies; what comes then is TLS. set_encrypted() once it has begun, then
              // feed what is said under it
  close,      // send the replies, then close; nothing is read any more
};

/// What somebody else decides. Each verb that changes the transaction can ask.
enum class Question : uint8_t {
  connect,         // may this client speak?
  helo,            // subject: the name
  mail,            // subject: the reverse-path, empty for <>
  recipient,       // subject: the forward-path; path: its parts
  data,            // open a mail for this transaction: Verdict::queue_id
  recipient_data,  // PRDR, behind the mail data, for each recipient in order: is it fine for this
                   // one? subject: the forward-path
  xclient,         // take the client for the one that xclient() tells of; then comes connect again
  tls,             // may a TLS handshake begin? A refusal ends the session
};

/// The answer. A refusal names the reply.
struct Verdict {
  bool accepted = true;
  ReplyId refusal = ReplyId::spool_failed;
  uint64_t queue_id = 0;  // Question::data, accepted: what the final 250 will name

  static Verdict accept() noexcept { return {}; }
  static Verdict refuse(ReplyId reply) noexcept { return {false, reply, 0}; }
};

struct Step {
  Need need = Need::input;
  size_t consumed = 0;  // octets of the input done with
  Question question = Question::connect;
  std::string_view subject = {};  // Need::verdict; valid until resume()
  std::string_view domain = {};   // Question::recipient: of the subject; empty for <Postmaster>
  Octets mail_data = {};          // Need::append: unstuffed; of the input, valid until feed()
};

/// What the server knows of a client before it says anything, and makes of it.
struct ClientRules {
  bool may_xclient = false;   // XCLIENT is offered, and means something
  bool spoke_early = false;   // octets of it were there before the greeting
  bool refuse_early = false;  // an early talker hears 554 and is done with
  bool offers_tls = false;    // STARTTLS is offered in the clear, and means something
  bool needs_tls = false;     // no mail is taken in the clear
};

/// Commands that were refused since somebody last asked, for the log.
struct Refusals {
  uint32_t count = 0;
  Verb verb = Verb::unknown;  // the first one's
  ReplyId reply = ReplyId::unknown_verb;
  uint32_t errors = 0;  // of them, those that no client that knows SMTP has reason for
};

/// One session. The caller sends what is in the ReplyBuffer whenever the session needs input, and
/// before it closes. source: core/smtp/SESSION.md
class ServerSession {
 public:
  /// config, lines, transactions   must outlive the session. `lines` has a block for each session,
  ///   `transactions` may run out.
  ServerSession(const SessionConfig& config, BlockPool& lines, BlockPool& transactions) noexcept;

  /// Begins: asks Question::connect.
  Step start(const ClientRules& client = {}) noexcept;

  /// Consumes a prefix of `input` and says what it needs next.
  ///
  /// input     octets as received, split anywhere, possibly none
  /// out       where replies go; attached
  /// returns   Step; consumed <= input.size(); all of it unless the need is not input
  /// requires  the last step's need was neither verdict, commit, handshake nor close
  /// source    RFC 5321 section 3.3, section 4.1.4; RFC 2920 section 3.2
  Step feed(Octets input, ReplyBuffer& out) noexcept;

  /// Answers the last Need::verdict or Need::commit. Requires: that was the last step.
  Step resume(const Verdict& verdict, ReplyBuffer& out) noexcept;

  /// Says goodbye with a 421 because of something outside, unless the peer has left no room for it.
  /// In any state but closed; out: attached. returns Need::close
  Step terminate(ReplyId reason, ReplyBuffer& out) noexcept;

  /// The mail that was opened cannot be stored: the rest is swallowed, then comes this reply.
  /// Requires: mail data is being received.
  void refuse_mail(ReplyId reply) noexcept;

  /// The stream is under TLS from here on. Requires: start() was not called, or Need::handshake was
  /// the last step.
  void set_encrypted() noexcept;
  /// Whether feed() has something to do although there is no more input.
  bool can_go_on() const noexcept {
    return (state_ == State::chunk && chunks_.at_end_of_chunk()) ||
           state_ == State::recipient_replies || state_ == State::held;
  }

  /// Whether MAIL was accepted and the transaction has not ended.
  bool in_transaction() const noexcept { return transaction_.is_open; }
  /// Whether what comes next is mail data, also if it is to be discarded.
  bool receiving_data() const noexcept {
    return state_ == State::mail_data || state_ == State::chunk;
  }
  const Transaction& transaction() const noexcept { return transaction_; }
  std::string_view helo() const noexcept { return helo_.view(); }
  /// Whether the client asked for the end, so that nothing more of it is to be expected.
  bool ended_by_quit() const noexcept { return state_ == State::closed && verb_ == Verb::quit; }
  bool is_extended() const noexcept { return is_extended_; }  // EHLO, not HELO
  bool is_encrypted() const noexcept { return is_encrypted_; }
  uint64_t queue_id() const noexcept { return queue_id_; }
  /// Octets of mail data so far, or of the mail that just ended.
  uint64_t mail_bytes() const noexcept { return in_chunks_ ? chunks_.bytes() : mail_data_.bytes(); }
  /// Why the mail being received will not be stored, whatever comes. What is wrong with the mail
  /// itself comes before what refuse_mail() was told: that may be better another time.
  std::optional<ReplyId> mail_refusal() const noexcept;

  /// How often the client spoke before it was its turn: before the greeting, or behind a command
  /// whose reply it had to wait for (RFC 2920 section 3.1). Octets behind the end of mail data
  /// never count; mail data behind DATA counts, but is taken as data whatever the rules say. What
  /// counts is what is given to feed() together with the command.
  uint32_t early_talk() const noexcept { return early_talk_; }

  /// What the last XCLIENT said. Requires: Question::xclient is open.
  const Xclient& xclient() const noexcept { return *xclient_; }

  const Refusals& refusals() const noexcept { return refusals_; }
  void clear_refusals() noexcept { refusals_ = {}; }

 private:
  enum class State : uint8_t {
    created,
    command,
    mail_data,
    chunk,
    verdict,
    commit,
    recipient_replies,  // PRDR: there was no room for all of them
    held,               // an error reply is held back
    handshake,          // TLS begins
    closed,
  };

  // verbs/*.cc: check_x judges syntax and order and answers at once, or asks; proceed_x goes on
  // with the answer.
  Step check_helo(const Command& command, ReplyBuffer& out) noexcept;
  Step proceed_helo(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_mail(const Command& command, ReplyBuffer& out) noexcept;
  Step proceed_mail(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_rcpt(const Command& command, ReplyBuffer& out) noexcept;
  Step proceed_rcpt(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_data(const Command& command, ReplyBuffer& out) noexcept;
  Step proceed_data(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_bdat(const Command& command, ReplyBuffer& out) noexcept;
  Step check_xclient(const Command& command, ReplyBuffer& out) noexcept;
  Step proceed_xclient(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_starttls(ReplyBuffer& out) noexcept;
  Step proceed_starttls(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step check_simple(const Command& command, ReplyBuffer& out) noexcept;
  Step check_vrfy(const Command& command, ReplyBuffer& out) noexcept;

  Step execute(std::string_view line, ReplyBuffer& out) noexcept;
  Step refuse_long_line(std::string_view beginning, ReplyBuffer& out) noexcept;
  Step dispatch(const Command& command, ReplyBuffer& out) noexcept;
  std::optional<ReplyId> judge_data() const noexcept;
  void begin_mail(uint64_t queue_id) noexcept;
  Step feed_mail_data(Octets input) noexcept;
  void inspect(Octets content) noexcept;
  Step end_mail_data() noexcept;
  std::optional<ReplyId> judge_chunk() noexcept;
  Step begin_chunk() noexcept;
  Step discard_chunk(ReplyId refusal, ReplyBuffer& out) noexcept;
  Step feed_chunk(Octets input, ReplyBuffer& out) noexcept;
  Step end_chunk(ReplyBuffer& out) noexcept;
  Step fail_chunk(ReplyId refusal, ReplyBuffer& out) noexcept;
  Step ask_next_recipient() noexcept;
  Step proceed_recipient_data(const Verdict& verdict) noexcept;
  Step say_recipient_replies(ReplyBuffer& out) noexcept;
  Step proceed_commit(const Verdict& verdict, ReplyBuffer& out) noexcept;
  Step ask(Question question, std::string_view subject) noexcept;
  Step answer(ReplyId reply, ReplyBuffer& out, std::string_view argument = {}) noexcept;
  Step refuse(ReplyId reply, ReplyBuffer& out) noexcept;
  Step refuse_and_close(ReplyId reply, ReplyBuffer& out) noexcept;
  bool needs_tls_for(Verb verb) const noexcept;
  bool is_idle() noexcept;
  void note_refusal(ReplyId reply) noexcept;
  Need reset() noexcept;

  const SessionConfig& config_;
  BlockPool& transactions_;
  LineReader lines_;
  MailData mail_data_;
  ChunkedData chunks_;
  HeaderSection header_section_;
  LineLength line_length_;
  Transaction transaction_;
  BoundedString<kHeloBytesMax> helo_;
  BoundedString<kHeloBytesMax> helo_asked_;  // Question::helo is open

  State state_ = State::created;
  Question question_ = Question::connect;
  Verb verb_ = Verb::unknown;  // the command being executed
  bool mail_refused_ = false;  // MAIL was, and since then came only RCPT, DATA and BDAT
  bool is_extended_ = false;
  bool is_encrypted_ = false;
  bool group_ended_ = false;  // by the last command: what follows it came too early
  bool has_more_ = false;     // octets came together with the command being executed, behind it
  ClientRules client_;
  std::unique_ptr<Xclient> xclient_;  // Question::xclient is open
  uint32_t early_talk_ = 0;

  // The mail that was opened.
  bool mail_open_ = false;
  bool in_chunks_ = false;     // by BDAT
  bool is_refused_ = false;    // there is a mail_refusal()
  bool is_inspected_ = false;  // its body has not begun, or its lines are measured
  std::optional<ReplyId> storage_refusal_;

  // Chunks.
  ChunkHeader chunk_;                     // the one that is being received
  std::optional<ReplyId> chunk_refusal_;  // it is being discarded
  bool chunk_failed_ = false;             // one was refused; further ones may be on their way
  uint32_t empty_chunks_ = 0;             // of this mail
  uint64_t discarded_bytes_ = 0;          // of chunks, since MAIL was accepted

  // PRDR: where the questions are, then where the replies are.
  RecipientList::Cursor recipient_cursor_;
  uint32_t recipient_index_ = 0;
  uint32_t recipients_accepted_ = 0;

  uint64_t queue_id_ = 0;
  uint32_t mails_ = 0;          // that MAIL opened
  uint32_t errors_ = 0;         // in a row, without a mail accepted
  uint32_t unknown_verbs_ = 0;  // of these, without a command that got anywhere
  uint32_t idle_commands_ = 0;  // since MAIL was accepted
  ReplyId held_reply_ = ReplyId::unknown_verb;
  Refusals refusals_;
};

}  // namespace mailrace::core
