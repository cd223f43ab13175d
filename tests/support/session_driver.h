// SPDX-License-Identifier: GPL-3.0-or-later
// A driver of ServerSession without sockets: octets from memory, verdicts by rule, mails kept.
#pragma once

#include "core/base/block_pool.h"
#include "core/smtp/server_session.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tests {

/// What stands around a session: its limits, and how its questions are answered.
struct SessionRules {
  std::string hostname = "mx.test";
  uint64_t message_bytes_max = 1 << 20;
  bool is_encrypted = false;
  size_t transaction_blocks = 100;     // of kSessionBlockBytes octets
  size_t send_bytes_max = SIZE_MAX;    // octets of replies that the peer takes at a time
  std::vector<std::string> domains{};  // the only ones that recipients may have; empty: any
  std::array<std::optional<core::ReplyId>, 8> refusals{};     // by Question
  std::map<std::string, core::ReplyId> recipient_refusals{};  // by forward-path, behind mail data
  core::ClientRules client{};
  std::optional<core::ReplyId> commit_refusal{};
  std::optional<uint64_t> mail_bytes_room{};  // past it, refuse_mail(spool_full)
  core::SessionOptions options{};             // all but those above

  /// The same rules, with this question always refused.
  SessionRules refusing(core::Question question, core::ReplyId reply) const;
};

/// What RCPT said beside a path.
struct StoredDsn {
  core::NotifySet notify = core::NotifySet::unspecified;
  std::string original_recipient;

  bool operator==(const StoredDsn&) const = default;
};

/// A mail that was promised to be kept: envelope and mail data.
struct StoredMail {
  std::string helo;
  bool is_extended = false;
  std::string reverse_path;
  std::vector<std::string> forward_paths;
  core::MailClaims claims{};
  std::string envelope_id{};
  std::vector<StoredDsn> dsn{};  // of each recipient; empty if none had parameters
  uint64_t size_declared = 0;
  uint64_t queue_id = 0;  // 1 for the first mail that was opened in the session, then 2, ...
  std::string data;

  bool operator==(const StoredMail&) const = default;
};

/// All that a peer and a disk could tell of a session.
struct Transcript {
  std::string replies;  // as sent, from the greeting on
  std::vector<StoredMail> mails;
  uint64_t consumed = 0;  // octets of input done with
  bool closed = false;
  size_t delays = 0;  // of replies
  bool encrypted = false;

  bool operator==(const Transcript&) const = default;
};

/// For the messages of failed tests.
std::ostream& operator<<(std::ostream& stream, const Transcript& transcript);

/// Drives one session from its greeting on. It ends the process when the session breaks its
/// contract: octets not consumed, a need out of turn, a mail that does not add up.
class SessionDriver {
 public:
  explicit SessionDriver(SessionRules rules = {});

  /// Gives octets to the session, as one piece in memory of its own that is gone afterwards, until
  /// it wants more. Does nothing once the session has closed.
  void send(std::string_view octets);

  /// Ends the session from outside.
  void terminate(core::ReplyId reason);

  /// For changes between two calls of send().
  SessionRules& rules() noexcept { return rules_; }
  core::ServerSession& session() noexcept { return session_; }
  const core::BlockPool& transaction_blocks() const noexcept { return transactions_; }
  const Transcript& transcript() const noexcept { return transcript_; }

 private:
  core::Step serve(const core::Step& step);
  core::Step serve_append(const core::Step& step);
  core::Step serve_commit();
  void keep_accepted_recipients();
  core::Verdict judge(const core::Step& step);
  core::Verdict open_mail();
  void send_replies(bool all);

  SessionRules rules_;
  core::SessionConfig config_;
  core::BlockPool lines_;
  core::BlockPool transactions_;
  core::ServerSession session_;
  core::BlockPool replies_{core::kReplyBufferBytes, 1};
  core::ReplyBuffer out_{replies_};
  std::optional<StoredMail> open_mail_;
  uint64_t mails_opened_ = 0;
  Transcript transcript_;
};

/// A whole session: `wire`, split before each octet whose offset is in `splits`, ascending.
Transcript run_session(std::string_view wire, std::span<const size_t> splits = {},
                       const SessionRules& rules = {});

/// `wire` octet by octet.
Transcript run_session_by_octets(std::string_view wire, const SessionRules& rules = {});

/// The replies one by one, lines of one reply together, without the CRLF at the end of each.
std::vector<std::string> split_replies(std::string_view replies);

/// Code and enhanced code of each reply, as in "220 250 250/2.1.0 354".
std::string codes_of(std::string_view replies);

/// What is wrong with `replies` as RFC 5321 section 4.2 and RFC 2034 section 4 have it: lines past
/// kReplyLineBytesMax, octets that are no text, no code, codes that change within a reply, an
/// enhanced code of another class. Empty if nothing is.
std::string defect_of_replies(std::string_view replies);

}  // namespace mailrace::tests
