// SPDX-License-Identifier: GPL-3.0-or-later
// The flag table of `mailrace serve`: parser, --help, config file and README follow it.
#include "tools/serve/options.h"

#include "core/base/cidr.h"
#include "core/base/ip.h"
#include "core/policy/recipient_domains.h"
#include "core/smtp/path.h"
#include "tools/lib/flag_values.h"
#include "tools/serve/limit_text.h"
#include "tools/serve/listen_address.h"

namespace mailrace::tools {
namespace {

// What stands around the session on its connection.
std::vector<Flag> connection_flags(ServeOptions& options) {
  const TextRule network{
      "an IP address, or a network as ADDRESS/BITS without host bits",
      [](std::string_view text) { return core::parse_cidr(text).error == core::CidrError::none; }};
  const DurationRange timeout{core::seconds(core::kTimeoutFloorS),
                              core::seconds(core::kTimeoutCeilingS)};
  const TextRule limit{std::string(kLimitSyntax), {}, [](std::string_view text) {
                         const auto rules = parse_limit(text);
                         return rules ? std::nullopt : std::optional(rules.error());
                       }};
  net::ConnectionOptions& connection = options.connection;
  net::Timeouts& timeouts = connection.timeouts;
  return {
      list_flag("proxy-protocol-from", &options.proxy_protocol_from, "CIDR",
                "peers that must begin with a PROXY protocol header, version 1 or 2", network),
      list_flag("xclient-from", &options.xclient_from, "CIDR",
                "clients that may say for whom they speak, by XCLIENT", network),
      with_options(list_flag(
          "limit", &options.limits, "NETWORK[,each=BITS][,WHAT=COUNT[/TIME]]...",
          "how much each address (IPv6: /64) may have of the server, or each network of BITS "
          "within "
          "NETWORK, all workers together; of several that a client is in the smallest counts",
          limit)),
      list_flag("allow-list", &options.allow_lists, "FILE",
                "networks, one a line, whose clients have no limits; read again at SIGHUP"),
      list_flag("block-list", &options.block_lists, "FILE",
                "networks whose clients get 554 and nothing else, but for smaller ones that are "
                "allowed; read again at SIGHUP"),
      duration_flag("greeting-delay", &connection.greeting_delay,
                    {core::Duration{}, core::seconds(core::kGreetingDelayMaxS)},
                    "how long clients wait for the greeting"),
      choice_flag("early-talker", &connection.early_talker, "ACTION",
                  {{"log", net::EarlyTalker::log}, {"reject", net::EarlyTalker::reject}},
                  "what becomes of clients that speak before it is their turn"),
      duration_flag("timeout-command", &timeouts.command, timeout,
                    "how long a command line may take, all of it, RFC 5321 4.5.3.2.7"),
      duration_flag("timeout-data-block", &timeouts.data_block, timeout,
                    "how long mail data may pause, RFC 5321 4.5.3.2.5"),
      duration_flag("timeout-reply", &timeouts.reply, timeout,
                    "how long a client may take to accept our replies"),
      duration_flag("timeout-proxy-header", &timeouts.proxy_header, timeout,
                    "how long the PROXY protocol header may take"),
      duration_flag("timeout-tls-handshake", &timeouts.tls_handshake, timeout,
                    "how long a TLS handshake may take"),
      duration_flag("timeout-linger", &timeouts.linger, timeout,
                    "how long a client may take to close after our last reply"),
      duration_flag(
          "max-transaction-time", &timeouts.transaction,
          {core::seconds(core::kTimeoutFloorS), core::seconds(core::kTransactionTimeCeilingS)},
          "how long it may take from the greeting, or from the end of a mail, to the end of the "
          "next"),
      bytes_flag("min-data-rate", &timeouts.data_rate_min,
                 {0, core::kDataRateMinCeiling, "0 means none"},
                 "octets of mail data per second, on average once --timeout-data-block is over"),
  };
}

std::vector<Flag> place_flags(ServeOptions& options) {
  const TextRule listen{std::string(kListenAddressSyntax), {}, [](std::string_view text) {
                          const auto address = parse_listen_address(text);
                          return address ? std::nullopt : std::optional(address.error());
                        }};
  const TextRule listen_tls{
      std::string(kListenAddressSyntax), {}, [](std::string_view text) {
        const auto address = parse_listen_address(text);
        if (!address) return std::optional(address.error());
        return address->needs_tls ? std::optional<std::string>("tls-required is for --listen")
                                  : std::nullopt;
      }};
  const TextRule domain{
      "a domain name of up to 255 letters, digits, hyphens and dots, labels up to 63",
      [](std::string_view text) { return core::is_domain(text); }};
  const TextRule recipient_domain{
      "a domain name of up to 255 octets: letters of any script, digits, hyphens and dots, labels "
      "up to 63",
      core::RecipientDomains::is_recipient_domain};
  return {
      with_options(list_flag("listen", &options.listen,
                             "ADDR:PORT[,durability=LEVEL][,tls-required]",
                             "where to accept SMTP, what 250 promises there, and whether STARTTLS "
                             "must come before mail",
                             listen)),
      with_options(list_flag("listen-tls", &options.listen_tls, "ADDR:PORT[,durability=LEVEL]",
                             "where to accept SMTP under TLS from the first octet", listen_tls)),
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
      switch_flag("take-over", &options.take_over,
                  "if a server runs on the spool, take its place: its listening sockets first, and "
                  "when we take mail, it finishes its sessions and ends"),
  };
}

std::vector<Flag> tls_flags(TlsOptions& tls) {
  return {
      with_options(list_flag("tls-certificate", &tls.certificates, "CHAIN,KEY",
                             "a certificate with its chain, and its key; the first is for clients "
                             "that ask for no name of the others",
                             {std::string(kTlsCertificateSyntax), {}, {}})),
      choice_flag("tls-min-version", &tls.rules.version_min, "VERSION",
                  {{"1.2", net::TlsVersion::tls12}, {"1.3", net::TlsVersion::tls13}},
                  "the oldest version of TLS that is spoken"),
      text_flag("tls-ticket-keys", &tls.ticket_keys, "FILE",
                "keys of session tickets that several machines share: 48 random octets each, the "
                "first encrypts (default: our own, replaced every hour)"),
      switch_flag("tls-request-certificate", &tls.rules.asks_client,
                  "ask clients for a certificate and record its common name; nobody verifies it, "
                  "and there are no session tickets"),
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

// What becomes of those who are too many. source   net/README.md, "Overload"
std::vector<Flag> overload_flags(ServeOptions& options) {
  const core::Duration longest = core::seconds(core::kTimeoutCeilingS);
  return {
      number_flag("max-connections", &options.connections_max, "COUNT",
                  {0, core::kConnectionsTotalMax, "0 means as many as the workers hold"},
                  "connections at a time, all workers together; the next one gets 421"),
      number_flag("max-worker-connections", &options.worker_connections_max, "COUNT",
                  {1, core::kSessionsPerWorkerMax}, "the same of each worker"),
      number_flag("max-transactions", &options.transactions_max, "COUNT",
                  {0, core::kConnectionsTotalMax, "0 means as --spool-memory allows"},
                  "mails that are received at a time, all workers together; then MAIL gets 452"),
      bytes_flag("max-memory", &options.memory_max,
                 {0, core::kMemoryMaxCeiling, "0 means three quarters of what there is"},
                 "memory of the process, without the page cache, that is all of its budget: from "
                 "seven tenths on few connections are accepted at a time, from 85 hundredths on "
                 "new ones get 421, past it MAIL gets 452"),
      duration_flag("max-lag", &options.lag_max, {core::Duration{}, longest, "0 means any"},
                    "likewise, how long a worker may take for all that happened at once"),
      duration_flag("max-commit-wait", &options.commit_wait_max,
                    {core::Duration{}, longest, "0 means any"},
                    "likewise, how long the disk may take for a commit"),
  };
}

std::vector<Flag> process_flags(ServeOptions& options) {
  const TextRule endpoint{"ADDRESS:PORT or [ADDRESS]:PORT, numeric", [](std::string_view text) {
                            return core::parse_endpoint(text).has_value();
                          }};
  return {
      choice_flag(
          "durability", &options.durability, "LEVEL",
          {{"disk", core::Durability::disk}, {"page-cache", core::Durability::page_cache}},
          "what 250 promises where --listen does not say: on stable storage, or handed to the "
          "kernel"),
      choice_flag("spool-io", &options.spool_io, "MODE",
                  {{"buffered", core::WriteMode::buffered}, {"direct", core::WriteMode::direct}},
                  "how segments are written: through the page cache, or past it"),
      duration_flag("commit-delay", &options.commit_delay,
                    {core::Duration{}, core::milliseconds(core::kCommitDelayMaxMs)},
                    "how long a commit may wait for others to share its write"),
      bytes_flag("commit-bytes", &options.commit_bytes,
                 {core::kCommitBytesFloor, core::kCommitBytesCeiling},
                 "gathered octets that are written without waiting for --commit-delay, for the "
                 "write under way, or for the end of a mail; twice as many beside two writes"),
      bytes_flag("spool-memory", &options.spool_memory_bytes,
                 {core::kSpoolMemoryFloor, core::kSpoolMemoryCeiling},
                 "memory of each worker for mail data on its way to the disk; when little is left, "
                 "MAIL gets 452"),
      bytes_flag("segment-size", &options.segment_bytes,
                 {core::kSegmentBytesFloor, core::kSegmentBytesCeiling}, "size of a spool segment"),
      bytes_flag("min-free-space", &options.space.free_bytes,
                 {0, core::kMinFreeSpaceCeiling, "0 means none"},
                 "space on the spool's disk below which MAIL gets 452"),
      number_flag("min-free-inodes", &options.space.free_inodes, "COUNT",
                  {0, core::kMinFreeInodesCeiling, "0 means none"},
                  "the same in files that can still be made, where the file system counts them"),
      duration_flag("retain-for", &options.retain_for,
                    {core::Duration{}, core::seconds(core::kRetainForMaxS), "0 means for ever"},
                    "how long mail is kept while no consumer is registered"),
      bytes_flag("retain-bytes", &options.retain_bytes,
                 {0, core::kRetainBytesCeiling, "0 means any size"},
                 "size of all segments up to which mail is kept while no consumer is registered"),
      duration_flag("drain-timeout", &options.drain_timeout,
                    {core::Duration{}, core::seconds(3600)},
                    "how long open transactions may go on after SIGTERM"),
      text_flag("metrics-listen", &options.metrics_listen, "ADDR:PORT",
                "where Prometheus may have numbers, by HTTP, without TLS or password", endpoint),
      choice_flag("log-format", &options.log_format, "FORMAT",
                  {{"json", LogFormat::json}, {"text", LogFormat::text}}, "lines on stdout"),
      choice_flag(
          "log-level", &options.log_level, "LEVEL",
          {{"error", LogLevel::error}, {"warning", LogLevel::warning}, {"info", LogLevel::info}},
          "the least important lines to write; messages are info"),
      text_flag("user", &options.privileges.user, "NAME",
                "whom to become once sockets are bound and keys are read; for root"),
      text_flag("chroot", &options.privileges.chroot, "DIR",
                "a root directory for the server: all other paths but that of --config are inside; "
                "for root"),
      negatable_flag("ring-restrictions", &options.lockdown.ring_restrictions,
                     "let each worker's ring do what workers do, and nothing else"),
      negatable_flag(
          "landlock", &options.lockdown.landlock,
          "have no files but those beside the spool, certificates and ticket keys, and no "
          "way to connect out"),
      negatable_flag("seccomp", &options.lockdown.seccomp,
                     "refuse all system calls that a server does not make once it runs"),
      switch_flag("core-dumps", &options.lockdown.core_dumps,
                  "allow core dumps, which have keys and mail in them, and tracing"),
      switch_flag("check", &options.check, "check flags, config file and this machine, then exit"),
      switch_flag("version", &options.version, "print versions and chosen kernels, then exit"),
  };
}

}  // namespace

std::vector<Flag> serve_flags(ServeOptions& options) {
  std::vector<Flag> flags = place_flags(options);
  for (const auto& more :
       {tls_flags(options.tls), session_flags(options.session), process_flags(options),
        overload_flags(options), connection_flags(options)}) {
    flags.insert(flags.end(), more.begin(), more.end());
  }
  return flags;
}

}  // namespace mailrace::tools
