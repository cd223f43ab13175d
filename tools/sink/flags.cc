// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink may be told, and within which bounds.
#include "tools/sink/flags.h"

#include "core/smtp/path.h"
#include "tools/lib/flag_values.h"
#include "tools/sink/faults.h"
#include "tools/sink/listen.h"

namespace mailrace::tools {
namespace {

// A repeatable row of rules, kSinkFaultRulesMax of them at most.
Flag fault_flag(FaultKind kind, std::vector<std::string>* rules, std::string value_name,
                std::string help) {
  const TextRule rule{std::string(fault_syntax(kind)), {}, [kind, rules](std::string_view text) {
                        const auto parsed = parse_fault(kind, text);
                        if (!parsed) return std::optional<std::string>(parsed.error());
                        const bool is_full = rules->size() >= core::kSinkFaultRulesMax;
                        return is_full
                                   ? std::optional<std::string>(
                                         "more than " + std::to_string(core::kSinkFaultRulesMax))
                                   : std::nullopt;
                      }};
  return list_flag(std::string(kFaultKindNames[size_t(kind)]), rules, std::move(value_name),
                   std::move(help), rule);
}

std::vector<Flag> fault_flags(SinkOptions& options) {
  return {
      fault_flag(FaultKind::delay, &options.delays, "STAGE:TIME",
                 "hold the replies of a stage back"),
      fault_flag(FaultKind::reply, &options.replies, "STAGE:PERCENT:CODE",
                 "refuse this share of what a stage is asked for"),
      fault_flag(FaultKind::reset, &options.resets, "STAGE:PERCENT",
                 "instead of this share of replies close the connection by RST"),
      fault_flag(FaultKind::close, &options.closes, "STAGE:PERCENT",
                 "the same in good order, without a reply"),
      number_flag("seed", &options.seed, "NUMBER", {0, INT64_MAX},
                  "which faults are drawn; the same ones for each connection in turn"),
  };
}

std::vector<Flag> file_flags(SinkOptions& options) {
  return {
      text_flag("ids", &options.ids, "FILE",
                "write a line for each mail that was taken: RUN.NUMBER.CRC SIZE, or -.CRC SIZE "
                "without an id of mailrace load"),
      text_flag("verify", &options.verify, "FILE",
                "at the end match what arrived with the mails acknowledged to mailrace load --ids "
                "FILE: exit status 1 if any is lost, double or altered"),
      text_flag("received", &options.received, "FILE",
                "take no mail, and match this file of --ids with that of --verify"),
      switch_flag("json", &options.json, "print the report as one JSON object, and no live line"),
      switch_flag("quiet", &options.quiet, "no live line on stderr"),
  };
}

}  // namespace

std::vector<Flag> sink_flags(SinkOptions& options) {
  const TextRule address{std::string(kSinkAddressSyntax), [](std::string_view text) {
                           return parse_sink_address(text).has_value();
                         }};
  const TextRule domain{"a domain name of up to 255 letters, digits, hyphens and dots",
                        [](std::string_view text) { return core::is_domain(text); }};
  std::vector<Flag> flags{
      list_flag("listen", &options.listen, "ADDR:PORT", "where to accept connections", address),
      choice_flag<SinkProtocol>("protocol", &options.protocol, "PROTOCOL",
                                {{"smtp", SinkProtocol::smtp}, {"lmtp", SinkProtocol::lmtp}},
                                "what is spoken there"),
      number_flag("workers", &options.workers, "COUNT", {1, core::kWorkersMax - 1},
                  "threads, each with a ring and a listener of its own"),
      text_flag("hostname", &options.hostname, "NAME", "our name in the greeting", domain),
      bytes_flag("max-message-size", &options.message_bytes_max,
                 {core::kMessageBytesFloor, core::kMessageBytesCeiling},
                 "SIZE limit of a message, RFC 1870"),
      number_flag("max-recipients", &options.recipients_max, "COUNT",
                  {core::kRecipientsFloor, core::kRecipientsMax}, "recipients of a message"),
      number_flag("messages", &options.messages, "COUNT", {0, 1'000'000'000'000, "0 means never"},
                  "end once so many messages were taken, and clients have said QUIT"),
      duration_flag("duration", &options.duration,
                    {core::Duration{}, core::seconds(86'400), "0 means never"},
                    "end after this time; SIGINT and SIGTERM end it as well"),
  };
  for (auto rows : {fault_flags(options), file_flags(options)}) {
    for (Flag& row : rows) flags.push_back(std::move(row));
  }
  return flags;
}

std::string sink_flags_conflict(const SinkOptions& options) {
  if (options.listen.size() > core::kListenersMax) {
    return "--listen is given more than " + std::to_string(core::kListenersMax) + " times";
  }
  if (!options.received.empty() && options.verify.empty()) {
    return "--received needs --verify, to be matched with";
  }
  if (!options.received.empty() && !options.ids.empty()) {
    return "--ids has nothing to write with --received, which takes no mail";
  }
  return {};
}

}  // namespace mailrace::tools
