// SPDX-License-Identifier: GPL-3.0-or-later
// Mail data as RFC 5321 says it, octet by octet over the whole text: what MailData must agree with.
#pragma once

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/smtp/chunked_data.h"
#include "core/smtp/mail_data.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mailrace::tests {

/// What there is to know of mail data.
struct MailDataOutcome {
  std::string content;  // unstuffed; of spoiled mail data a part of what is before the defect
  core::DataDefect defect = core::DataDefect::none;
  uint64_t bytes = 0;   // of content
  size_t consumed = 0;  // up to and with the end, or all
  bool ended = false;

  /// Whether MailData may have come to `this` where `reference` is the definition's outcome: equal,
  /// but content that is refused anyway need not have been handed out.
  bool agrees_with(const MailDataOutcome& reference) const {
    const bool same_content = reference.defect == core::DataDefect::none
                                  ? content == reference.content
                                  : reference.content.starts_with(content);
    return same_content && defect == reference.defect && bytes == reference.bytes &&
           consumed == reference.consumed && ended == reference.ended;
  }
};

/// The definition. The CRLF of the DATA line begins the first line; a CR is content before it is
/// known to be bare, an LF is not.
///
/// source   RFC 5321 section 2.3.8, section 4.1.1.4, section 4.5.2; RFC 1870 section 5
inline MailDataOutcome reference_mail_data(
    std::string_view wire, uint64_t bytes_max,
    core::BareNewline bare_newline = core::BareNewline::reject) {
  using core::DataDefect;
  MailDataOutcome outcome;
  // "The character sequence <CRLF>.<CRLF>" is the end, whatever else there is.
  constexpr std::string_view kEnd = "\r\n.\r\n";
  const std::string text = std::string("\r\n").append(wire);
  const size_t end = text.find(kEnd);
  outcome.ended = end != std::string::npos;
  outcome.consumed = outcome.ended ? end + kEnd.size() - 2 : wire.size();

  for (size_t i = 2; i < (outcome.ended ? end + 2 : text.size()); ++i) {
    const char octet = text[i];
    const bool begins_line = text[i - 2] == '\r' && text[i - 1] == '\n';
    const bool after_cr = text[i - 1] == '\r';
    if (after_cr != (octet == '\n') && bare_newline == core::BareNewline::reject) {
      outcome.defect = DataDefect::bare_newline;
      break;
    }
    if (begins_line && octet == '.') {
      // Without the end in sight, ".<CR>" may be the start of it.
      if (!outcome.ended && text.substr(i) == ".\r") break;
      continue;
    }
    if (outcome.content.size() == bytes_max) {
      outcome.defect = DataDefect::too_large;
      break;
    }
    outcome.content += octet;
  }
  outcome.bytes = outcome.content.size();
  return outcome;
}

/// The same from MailData, with `wire` given in pieces: next_piece(rest) says how long the next is.
template <class NextPiece>
MailDataOutcome feed_mail_data(std::string_view wire, uint64_t bytes_max, NextPiece&& next_piece,
                               core::BareNewline bare_newline = core::BareNewline::reject) {
  core::MailData mail_data;
  mail_data.begin(bytes_max, bare_newline);
  MailDataOutcome outcome;
  while (outcome.consumed < wire.size() && !outcome.ended) {
    const std::string_view rest = wire.substr(outcome.consumed);
    core::Octets piece = core::as_octets(rest.substr(0, size_t(next_piece(rest))));
    while (!piece.empty() && !outcome.ended) {
      const core::MailDataStep step = mail_data.feed(piece);
      MAILRACE_CHECK(step.consumed > 0 || !step.content.empty());
      MAILRACE_CHECK(step.consumed <= piece.size());
      outcome.content += core::as_text(step.content);
      outcome.consumed += step.consumed;
      outcome.ended = step.ended;
      piece = piece.subspan(step.consumed);
    }
  }
  outcome.defect = mail_data.defect();
  outcome.bytes = mail_data.bytes();
  return outcome;
}

/// The definition for BDAT: every octet is content, and a CR or LF that is not half of a CRLF of
/// the whole mail is bare, also where chunks meet and at the end.
///
/// source   RFC 3030 section 2; RFC 5321 section 2.3.8
inline core::DataDefect reference_chunked_data(std::string_view mail) {
  for (size_t i = 0; i < mail.size(); ++i) {
    const bool is_crlf = mail.substr(i, 2) == "\r\n";
    if (is_crlf) {
      ++i;
    } else if (mail[i] == '\r' || mail[i] == '\n') {
      return core::DataDefect::bare_newline;
    }
  }
  return core::DataDefect::none;
}

}  // namespace mailrace::tests
