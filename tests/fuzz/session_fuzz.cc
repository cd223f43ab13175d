// SPDX-License-Identifier: GPL-3.0-or-later
// A whole session of any octets, with the options, verdicts, disk and end that the input chooses:
// however it is split and however slowly its peer takes the replies, the transcript is the same;
// replies are well-formed, and what is stored is what was promised.
#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/utf8.h"
#include "tests/support/session_driver.h"
#include "tests/support/splits.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace core = mailrace::core;
namespace tests = mailrace::tests;
using core::Question;
using core::ReplyId;

// Each bit of an octet is a refusal or a limit.
tests::SessionRules take_rules(std::string_view& input) {
  const uint8_t bits = tests::take_octet(input);
  tests::SessionRules rules;
  rules.message_bytes_max = (bits & 1) != 0 ? 16 : 1 << 20;
  rules.transaction_blocks = (bits & 2) != 0 ? 1 : 10;
  if ((bits & 4) != 0) rules.domains = {"d"};
  rules.client.may_xclient = (bits & 4) != 0;
  if ((bits & 8) != 0) rules.commit_refusal = ReplyId::spool_failed;
  if ((bits & 16) != 0) rules = rules.refusing(Question::helo, ReplyId::relay_denied);
  if ((bits & 32) != 0) rules = rules.refusing(Question::mail, ReplyId::spool_full);
  if ((bits & 64) != 0) rules = rules.refusing(Question::recipient, ReplyId::spool_failed);
  if ((bits & 128) != 0) rules = rules.refusing(Question::data, ReplyId::spool_full);
  const uint8_t options = tests::take_octet(input);
  if ((options & 1) != 0) rules.options.bare_newline = core::BareNewline::keep;
  if ((options & 2) != 0) rules.options.line_bytes_max = 10;
  if ((options & 4) != 0) rules.options.hops_max = 1;
  if ((options & 8) != 0) rules.options.prdr = true;
  if ((options & 16) != 0) rules.options.error_delay = core::seconds(1);
  if ((options & 32) != 0) rules.options.errors_max = 3;
  if ((options & 64) != 0) rules.recipient_refusals["a@d"] = ReplyId::relay_denied;
  if ((options & 128) != 0) rules.mail_bytes_room = 12;
  return rules;
}

// After how many octets the session ends from outside, by a timeout; SIZE_MAX: it does not. The
// largest two stand for STARTTLS instead: it is offered, and it must come before mail.
size_t take_end(std::string_view& input, core::ClientRules& client) {
  const uint8_t octet = tests::take_octet(input);
  client.offers_tls = octet >= 254;
  client.needs_tls = octet == 254;
  return octet == 0 || client.offers_tls ? SIZE_MAX : size_t{octet} * 4;
}

// Where STARTTLS is offered, behind what a client says before it waits for replies; never split
// across it.
constexpr char kFlightEnd = '\xff';

size_t flight_bytes(std::string_view wire, const tests::SessionRules& rules) {
  return rules.client.offers_tls ? std::min(wire.find(kFlightEnd), wire.size()) : wire.size();
}

// returns   nothing if octets of a flight came behind STARTTLS as a piece of their own: where they
// are seen they end the session, and here they would be taken for what comes under TLS
std::optional<tests::Transcript> run_split(std::string_view wire, tests::Splits splits,
                                           bool is_terminated, const tests::SessionRules& rules) {
  tests::SessionDriver driver(rules);
  while (!wire.empty()) {
    std::string_view flight = wire.substr(0, flight_bytes(wire, rules));
    wire.remove_prefix(std::min(flight.size() + 1, wire.size()));
    while (!flight.empty()) {
      const bool was_encrypted = driver.transcript().encrypted;
      const size_t size = splits.next(flight);
      driver.send(flight.substr(0, size));
      flight.remove_prefix(size);
      if (driver.transcript().encrypted != was_encrypted && !flight.empty()) return std::nullopt;
    }
  }
  if (is_terminated && !driver.transcript().closed) driver.terminate(ReplyId::timed_out);
  return driver.transcript();
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// CR and LF only as CRLF. (BDAT may end in the middle of a line.)
bool is_lines(std::string_view data) {
  const size_t crlfs = count_of(data, "\r\n");
  return count_of(data, "\r") == crlfs && count_of(data, "\n") == crlfs;
}

bool has_longer_line(std::string_view data, size_t bytes_max) {
  while (data.size() > bytes_max) {
    const size_t end = data.find("\r\n");
    if (std::min(end, data.size()) > bytes_max) return true;
    data.remove_prefix(end + 2);
  }
  return false;
}

// ASCII, or under SMTPUTF8 UTF-8; no controls either way.
bool is_address(std::string_view text, bool is_smtputf8) {
  if (!core::is_utf8(text)) return false;
  return std::all_of(text.begin(), text.end(), [is_smtputf8](char c) {
    return (c >= ' ' && c <= '~') || (is_smtputf8 && uint8_t(c) >= 0x80);
  });
}

void check_mail(const tests::StoredMail& mail, const tests::SessionRules& rules) {
  const bool is_text = mail.claims.body != core::BodyType::binary_mime;
  if (is_text && rules.options.bare_newline == core::BareNewline::reject) {
    MAILRACE_CHECK(is_lines(mail.data));
  }
  if (is_text && rules.options.line_bytes_max > 0) {
    MAILRACE_CHECK(!has_longer_line(mail.data, size_t(rules.options.line_bytes_max)));
  }
  MAILRACE_CHECK(!rules.mail_bytes_room || mail.data.size() <= *rules.mail_bytes_room);
  MAILRACE_CHECK(mail.data.size() <= rules.message_bytes_max);
  MAILRACE_CHECK(mail.size_declared <= rules.message_bytes_max);
  MAILRACE_CHECK(!mail.helo.empty());
  MAILRACE_CHECK(mail.reverse_path.size() <= core::kPathBytesMax);
  MAILRACE_CHECK(mail.forward_paths.size() <= core::kRecipientsMax);
  MAILRACE_CHECK(!mail.forward_paths.empty());
  for (const std::string& path : mail.forward_paths) {
    MAILRACE_CHECK(!path.empty());
    MAILRACE_CHECK(path.size() <= core::kPathBytesMax);
    MAILRACE_CHECK(is_address(path, mail.claims.is_smtputf8));
  }
  MAILRACE_CHECK(is_address(mail.reverse_path, mail.claims.is_smtputf8));
  MAILRACE_CHECK(mail.envelope_id.size() <= core::kEnvelopeIdXtextBytesMax);
  for (const tests::StoredDsn& dsn : mail.dsn) {
    MAILRACE_CHECK(dsn.original_recipient.size() <= core::kOriginalRecipientBytesMax);
    MAILRACE_CHECK(is_address(dsn.original_recipient, mail.claims.is_smtputf8));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  tests::SessionRules rules = take_rules(input);
  const size_t end = take_end(input, rules.client);
  const tests::Splits splits = tests::take_splits(input);
  const bool is_terminated = end < SIZE_MAX;
  input = input.substr(0, end);

  const auto whole = run_split(input, tests::Splits(""), is_terminated, rules);
  MAILRACE_CHECK(whole.has_value());
  const tests::Transcript& transcript = *whole;
  MAILRACE_CHECK(tests::defect_of_replies(transcript.replies).empty());
  MAILRACE_CHECK(transcript.mails.size() == count_of(transcript.replies, "accepted as "));
  const size_t flight_ends =
      rules.client.offers_tls ? size_t(std::count(input.begin(), input.end(), kFlightEnd)) : 0;
  MAILRACE_CHECK(transcript.closed || transcript.consumed == input.size() - flight_ends);
  for (const tests::StoredMail& mail : transcript.mails) {
    check_mail(mail, rules);
    MAILRACE_CHECK(!mail.claims.requires_tls || transcript.encrypted);
  }
  MAILRACE_CHECK(transcript.mails.empty() || !rules.client.needs_tls || transcript.encrypted);

  rules.send_bytes_max = 100;
  const auto split = run_split(input, splits, is_terminated, rules);
  MAILRACE_CHECK(!split || *split == transcript);
  return 0;
}
