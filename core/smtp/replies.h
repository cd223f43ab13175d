// SPDX-License-Identifier: GPL-3.0-or-later
// Every reply of the server: code, enhanced code, text, source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::core {

enum class ReplyId : uint8_t {
  greeting,
  tls_begins,
  helo_ok,
  ehlo_ok,
  mail_ok,
  mail_ok_priority_changed,
  rcpt_ok,
  prdr_begins,
  start_mail_data,
  mail_accepted,
  recipient_accepted,
  chunk_taken,
  reset_ok,
  noop_ok,
  goodbye,
  help,
  cannot_verify,
  service_closing,
  too_many_sessions,
  too_many_handshakes,
  timed_out,
  too_many_errors,
  too_many_mails,
  too_many_idle_commands,
  other_protocol,
  spool_failed,
  spool_full,
  too_many_recipients,
  too_many_open,
  unknown_verb,
  line_too_long,
  line_malformed,
  syntax_of_arguments,
  argument_unexpected,
  argument_missing,
  helo_name_malformed,
  reverse_path_malformed,
  forward_path_malformed,
  parameter_malformed,
  bdat_malformed,
  not_implemented,
  helo_first,
  mail_first,
  rcpt_first,
  mail_again,
  tls_is_on,
  chunks_begun,
  chunk_failed,
  binary_needs_bdat,
  tls_needed,
  encryption_needed,
  xclient_denied,
  relay_denied,
  no_recipient_accepted,
  bare_newline,
  text_line_too_long,
  reverse_path_non_ascii,
  mail_too_large,
  forward_path_non_ascii,
  no_valid_recipients,
  too_many_hops,
  too_many_empty_chunks,
  early_talker,
  octets_behind_starttls,
  parameter_unknown,
};

/// RFC 3463; class 0: the reply has none.
struct EnhancedCode {
  uint8_t status_class = 0;
  uint8_t subject = 0;
  uint8_t detail = 0;
};

struct ReplyRow {
  ReplyId id;
  uint16_t code;
  EnhancedCode enhanced;
  std::string_view text;  // '%' stands for the argument
  std::string_view source;
};

// Enhanced codes are on every reply but greeting, EHLO, HELO and 354 (RFC 2034 section 4); codes
// without a source of their own are RFC 5321 section 4.2.
inline constexpr ReplyRow kReplies[] = {
    {ReplyId::greeting, 220, {}, "% ESMTP mailrace", "RFC 5321 4.2, 4.3.1"},
    {ReplyId::tls_begins, 220, {2, 0, 0}, "begin TLS", "RFC 3207 4"},
    {ReplyId::helo_ok, 250, {}, "%", "RFC 5321 4.1.1.1"},
    {ReplyId::ehlo_ok, 250, {}, "%", "RFC 5321 4.1.1.1"},
    {ReplyId::mail_ok, 250, {2, 1, 0}, "sender ok", "RFC 5321 4.1.1.2"},
    {ReplyId::mail_ok_priority_changed,
     250,
     {2, 3, 6},
     "0 is the priority of all mail here, sender ok",
     "RFC 6710 4.1"},
    {ReplyId::rcpt_ok, 250, {2, 1, 5}, "recipient ok", "RFC 5321 4.1.1.3"},
    {ReplyId::prdr_begins, 353, {}, "replies for each recipient follow", "draft-hall-prdr-00 4.5"},
    {ReplyId::start_mail_data, 354, {}, "end mail data with <CR><LF>.<CR><LF>", "RFC 5321 4.1.1.4"},
    {ReplyId::mail_accepted, 250, {2, 0, 0}, "accepted as %", "RFC 5321 4.1.1.4, 6.1"},
    {ReplyId::recipient_accepted,
     250,
     {2, 1, 5},
     "accepted for this one",
     "draft-hall-prdr-00 4.5"},
    {ReplyId::chunk_taken, 250, {2, 0, 0}, "% octets received", "RFC 3030 2"},
    {ReplyId::reset_ok, 250, {2, 0, 0}, "reset", "RFC 5321 4.1.1.5"},
    {ReplyId::noop_ok, 250, {2, 0, 0}, "ok", "RFC 5321 4.1.1.9"},
    {ReplyId::goodbye, 221, {2, 0, 0}, "closing connection", "RFC 5321 4.1.1.10"},
    {ReplyId::help,
     214,
     {2, 0, 0},
     "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP",
     "RFC 5321 4.1.1.8"},
    {ReplyId::cannot_verify,
     252,
     {2, 5, 0},
     "cannot verify, send mail and see",
     "RFC 5321 3.5.3, 7.3"},
    {ReplyId::service_closing, 421, {4, 3, 2}, "shutting down, try again", "RFC 5321 3.8"},
    {ReplyId::too_many_sessions, 421, {4, 3, 2}, "too many sessions, try again", "RFC 5321 3.8"},
    {ReplyId::too_many_handshakes,
     421,
     {4, 7, 0},
     "too many TLS handshakes, try again",
     "RFC 5321 3.8; RFC 3207 4"},
    {ReplyId::timed_out, 421, {4, 4, 2}, "timed out", "RFC 5321 4.5.3.2"},
    {ReplyId::too_many_errors, 421, {4, 7, 0}, "too many errors", "RFC 5321 7.8"},
    {ReplyId::too_many_mails,
     421,
     {4, 7, 0},
     "too many messages in one connection",
     "RFC 9422 4.1"},
    {ReplyId::too_many_idle_commands,
     421,
     {4, 7, 0},
     "too many commands and no mail",
     "RFC 5321 7.8"},
    {ReplyId::other_protocol, 421, {4, 7, 0}, "this is SMTP", "RFC 5321 7.8"},
    {ReplyId::spool_failed, 451, {4, 3, 0}, "cannot store mail now, try again", "RFC 5321 6.1"},
    {ReplyId::spool_full, 452, {4, 3, 1}, "out of storage, try again", "RFC 5321 6.1"},
    {ReplyId::too_many_recipients, 452, {4, 5, 3}, "too many recipients", "RFC 5321 4.5.3.1.10"},
    {ReplyId::too_many_open, 452, {4, 3, 1}, "too busy, try again", "RFC 5321 4.5.3.1.10"},
    {ReplyId::unknown_verb, 500, {5, 5, 1}, "command not known", "RFC 5321 4.2.4"},
    {ReplyId::line_too_long, 500, {5, 5, 2}, "line too long", "RFC 5321 4.5.3.1.9"},
    {ReplyId::line_malformed,
     500,
     {5, 5, 2},
     "only CRLF ends a line, no control characters",
     "RFC 5321 2.3.8, 4.1.2"},
    {ReplyId::syntax_of_arguments, 501, {5, 5, 4}, "syntax error in arguments", "RFC 5321 4.3.2"},
    {ReplyId::argument_unexpected, 501, {5, 5, 4}, "no argument allowed", "RFC 5321 4.3.2"},
    {ReplyId::argument_missing, 501, {5, 5, 4}, "argument missing", "RFC 5321 4.3.2"},
    {ReplyId::helo_name_malformed,
     501,
     {5, 5, 4},
     "not a host name or address literal",
     "RFC 5321 4.1.4"},
    {ReplyId::reverse_path_malformed, 501, {5, 1, 7}, "not a reverse-path", "RFC 5321 4.1.2"},
    {ReplyId::forward_path_malformed, 501, {5, 1, 3}, "not a forward-path", "RFC 5321 4.1.2"},
    {ReplyId::parameter_malformed,
     501,
     {5, 5, 4},
     "syntax error in parameters",
     "RFC 5321 4.1.1.11"},
    {ReplyId::bdat_malformed, 501, {5, 5, 4}, "BDAT wants a size, and LAST at most", "RFC 3030 2"},
    {ReplyId::not_implemented, 502, {5, 5, 1}, "command not implemented", "RFC 5321 4.2.4"},
    {ReplyId::helo_first, 503, {5, 5, 1}, "EHLO or HELO first", "RFC 5321 4.1.4"},
    {ReplyId::mail_first, 503, {5, 5, 1}, "MAIL first", "RFC 5321 4.1.4"},
    {ReplyId::rcpt_first, 503, {5, 5, 1}, "RCPT first", "RFC 5321 4.1.4"},
    {ReplyId::mail_again, 503, {5, 5, 1}, "a transaction is open", "RFC 5321 4.1.4"},
    {ReplyId::tls_is_on, 503, {5, 5, 1}, "TLS is on", "RFC 3207 4.2"},
    {ReplyId::chunks_begun, 503, {5, 5, 1}, "BDAT has begun, go on with it or RSET", "RFC 3030 2"},
    {ReplyId::chunk_failed, 503, {5, 5, 1}, "a chunk was refused, RSET first", "RFC 3030 2"},
    {ReplyId::binary_needs_bdat, 503, {5, 5, 1}, "BINARYMIME needs BDAT", "RFC 3030 3"},
    {ReplyId::tls_needed, 530, {5, 7, 0}, "STARTTLS first", "RFC 3207 4"},
    {ReplyId::encryption_needed,
     530,
     {5, 7, 10},
     "REQUIRETLS needs encryption",
     "RFC 3207 4; RFC 8689 2, 4.2.1"},
    {ReplyId::xclient_denied, 550, {5, 7, 0}, "insufficient authorization", "XCLIENT_README"},
    {ReplyId::relay_denied, 550, {5, 7, 1}, "not our domain, no relaying", "RFC 5321 3.6.2, 7.9"},
    {ReplyId::no_recipient_accepted,
     550,
     {5, 7, 1},
     "refused for all recipients",
     "draft-hall-prdr-00 4.5"},
    {ReplyId::bare_newline, 550, {5, 6, 11}, "bare CR or LF in mail data", "RFC 5321 2.3.8"},
    {ReplyId::text_line_too_long,
     550,
     {5, 6, 0},
     "line too long in mail data",
     "RFC 5321 4.5.3.1.6"},
    {ReplyId::reverse_path_non_ascii, 550, {5, 6, 7}, "address needs SMTPUTF8", "RFC 6531 3.5"},
    {ReplyId::mail_too_large, 552, {5, 3, 4}, "mail exceeds the size limit", "RFC 1870 6"},
    {ReplyId::forward_path_non_ascii, 553, {5, 6, 7}, "address needs SMTPUTF8", "RFC 6531 3.5"},
    {ReplyId::no_valid_recipients, 554, {5, 5, 1}, "no valid recipients", "RFC 5321 3.3"},
    {ReplyId::too_many_hops, 554, {5, 4, 6}, "too many hops, mail loop", "RFC 5321 6.3"},
    {ReplyId::too_many_empty_chunks, 554, {5, 5, 0}, "too many empty chunks", "RFC 3030 2"},
    {ReplyId::early_talker, 554, {5, 5, 1}, "you spoke before it was your turn", "RFC 2920 3.1"},
    {ReplyId::octets_behind_starttls,
     554,
     {5, 5, 1},
     "octets behind STARTTLS",
     "RFC 3207 4; RFC 2920 3.1"},
    {ReplyId::parameter_unknown, 555, {5, 5, 4}, "parameter not known", "RFC 5321 4.1.1.11"},
};
inline constexpr size_t kReplyCount = sizeof kReplies / sizeof kReplies[0];

static_assert([] {
  for (size_t i = 0; i < kReplyCount; ++i) {
    const ReplyRow& row = kReplies[i];
    if (size_t(row.id) != i) return false;
    // The class of the enhanced code is the code's first digit (RFC 2034 section 4).
    if (row.enhanced.status_class != 0 && row.enhanced.status_class != row.code / 100) return false;
  }
  return true;
}());

constexpr const ReplyRow& reply_row(ReplyId id) noexcept { return kReplies[size_t(id)]; }

}  // namespace mailrace::core
