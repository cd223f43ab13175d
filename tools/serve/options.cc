// SPDX-License-Identifier: GPL-3.0-or-later
// The flag table of `mailrace serve`: parser, --help, config file and README follow it.
#include "tools/serve/options.h"

#include "core/base/ip.h"
#include "core/policy/recipient_domains.h"
#include "core/smtp/path.h"
#include "tools/lib/flag_values.h"

namespace mailrace::tools {

namespace {

std::vector<Flag> place_flags(ServeOptions& options) {
  const TextRule endpoint{"ADDRESS:PORT or [ADDRESS]:PORT, numeric", [](std::string_view text) {
                            return core::parse_endpoint(text).has_value();
                          }};
  const TextRule domain{
      "a domain name of up to 255 letters, digits, hyphens and dots, labels up to 63",
      [](std::string_view text) { return core::is_domain(text); }};
  const TextRule recipient_domain{
      "a domain name of up to 255 octets: letters of any script, digits, hyphens and dots, labels "
      "up to 63",
      core::RecipientDomains::is_recipient_domain};
  return {
      list_flag("listen", &options.listen, "ADDR:PORT", "where to accept SMTP", endpoint),
      number_flag("workers", &options.workers, "COUNT",
                  {0, core::kWorkersMax - 1, "0 means all CPUs of the affinity mask"},
                  "threads, each with a ring, a listener and a spool segment of its own"),
      text_flag("hostname", &options.session.hostname, "NAME",
                "our name in the greeting and in Received (default: the machine's)", domain),
      list_flag("domain", &options.domains, "NAME", "recipient domain that is ours",
                recipient_domain),
      switch_flag("accept-any-domain", &options.accept_any_domain,
                  "take mail for every domain: a sink for load tests, never for the Internet"),
      text_flag("spool", &options.spool, "DIR", "where accepted mail is kept; made if missing"),
  };
}

std::vector<Flag> session_flags(core::SessionOptions& session) {
  return {
      bytes_flag("max-message-size", &session.message_bytes_max,
                 {core::kMessageBytesFloor, core::kMessageBytesCeiling},
                 "SIZE limit of a message, RFC 1870"),
      number_flag("max-recipients", &session.recipients_max, "COUNT",
                  {core::kRecipientsFloor, core::kRecipientsMax},
                  "recipients of a message, RCPTMAX of RFC 9422"),
      number_flag("max-messages-per-connection", &session.mails_max, "COUNT",
                  {0, core::kMailsPerSessionMax, "0 means no limit"},
                  "messages that a client may begin before 421, MAILMAX of RFC 9422"),
      choice_flag(
          "bare-newline", &session.bare_newline, "POLICY",
          {{"reject", core::BareNewline::reject}, {"keep", core::BareNewline::keep}},
          "mail data with a CR or LF that is not half of a CRLF: refuse it with 550, or keep it as "
          "it is, for trusted networks only"),
      number_flag("max-line-length", &session.line_bytes_max, "OCTETS",
                  {core::kTextLineLimitFloor, core::kTextLineLimitCeiling, "0 means any length",
                   /*or_zero=*/true},
                  "longest line of mail data, without CRLF; mail with a longer one gets 550"),
      number_flag("max-hops", &session.hops_max, "COUNT", {1, core::kHopsCeiling},
                  "Received fields of a mail; one with more is in a loop and gets 554"),
      number_flag("max-errors", &session.errors_max, "COUNT", {1, core::kErrorsCeiling},
                  "refused commands without a mail accepted in between; the next one gets 421"),
      duration_flag("error-delay", &session.error_delay,
                    {core::Duration{}, core::seconds(core::kErrorDelayMaxS)},
                    "how long the reply to such a command is held back, to a quarter of a second"),
      switch_flag("prdr", &session.prdr,
                  "offer PRDR: a reply for each recipient behind the mail data"),
  };
}

std::vector<Flag> process_flags(ServeOptions& options) {
  return {
      choice_flag(
          "durability", &options.durability, "LEVEL",
          {{"disk", spool::Durability::disk}, {"page-cache", spool::Durability::page_cache}},
          "what 250 promises: on stable storage, or handed to the kernel"),
      choice_flag("spool-io", &options.spool_io, "MODE",
                  {{"buffered", core::WriteMode::buffered}, {"direct", core::WriteMode::direct}},
                  "how segments are written: through the page cache, or past it"),
      duration_flag("commit-delay", &options.commit_delay, {core::Duration{}, core::seconds(1)},
                    "how long a commit may wait for others to share its write"),
      bytes_flag("segment-size", &options.segment_bytes,
                 {core::kSegmentBytesFloor, core::kSegmentBytesCeiling}, "size of a spool segment"),
      duration_flag("drain-timeout", &options.drain_timeout,
                    {core::Duration{}, core::seconds(3600)},
                    "how long open transactions may go on after SIGTERM"),
      choice_flag("log-format", &options.log_format, "FORMAT",
                  {{"json", LogFormat::json}, {"text", LogFormat::text}}, "lines on stdout"),
      choice_flag(
          "log-level", &options.log_level, "LEVEL",
          {{"error", LogLevel::error}, {"warning", LogLevel::warning}, {"info", LogLevel::info}},
          "the least important lines to write; messages are info"),
      switch_flag("check", &options.check, "check flags, config file and this machine, then exit"),
      switch_flag("version", &options.version, "print versions and chosen kernels, then exit"),
  };
}

}  // namespace

std::vector<Flag> serve_flags(ServeOptions& options) {
  std::vector<Flag> flags = place_flags(options);
  for (const auto& more : {session_flags(options.session), process_flags(options)}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

}  // namespace mailrace::tools
