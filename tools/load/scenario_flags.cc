// SPDX-License-Identifier: GPL-3.0-or-later
// The mails and how they are sent, as flags: what a scenario file usually has.
#include "tools/load/scenario_flags.h"

#include "core/base/limits.h"
#include "tools/lib/flag_values.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

// As far as the line it becomes part of stays one line; what is in it is for the server to judge.
bool is_path(std::string_view text) {
  return text.size() + 2 <= core::kPathBytesMax &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '<' || c == '>' || c == 0x7f;
         });
}

// A number takes the place of "%d".
bool is_path_pattern(std::string_view text) {
  constexpr std::string_view kNumber = "%d";
  const size_t at = text.find(kNumber);
  if (at == std::string_view::npos) return is_path(text);
  std::string longest(text);
  longest.replace(at, kNumber.size(), std::to_string(core::kLoadRecipientNumbers - 1));
  return is_path(longest) && longest.find(kNumber) == std::string::npos;
}

FromText<std::optional<AddressRange>> parse_source(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto range = parse_address_range(text);
  if (!range) return tl::unexpected(std::string());
  return range;
}

Flag count_flag(std::string name, LoadCount* target, const Range& range, bool may_be_geometric,
                std::string help) {
  const std::string bounds = std::to_string(range.min) + " to " + std::to_string(range.max);
  std::string allowed = bounds + ", or uniform:LEAST:MOST";
  if (may_be_geometric) allowed += ", or geometric:MEAN";
  if (!range.note.empty()) allowed += "; " + range.note;
  return value_flag(
      std::move(name), target, "COUNT", std::move(allowed), std::move(help),
      [=](std::string_view text) { return parse_load_count(text, range, may_be_geometric); },
      format_load_count);
}

constexpr const char* kRangeSyntax = "a network as 192.0.2.0/24, or FIRST-LAST";

void add_mail_flags(std::vector<Flag>& flags, LoadOptions& options) {
  const std::string sizes =
      format_bytes(core::kLoadMessageBytesMin) + " to " + format_bytes(core::kLoadMessageBytesMax);
  flags.push_back(value_flag("size", &options.message_bytes, "SIZE",
                             sizes + ", or lognormal:MEDIAN:SIGMA, clamped to these",
                             "octets of a message, header section and body", parse_load_size,
                             format_load_size));
  flags.push_back(text_flag("mails", &options.mail_folder, "DIR",
                            "send the *.eml of a folder, each message one of them, instead of "
                            "made-up text"));
  flags.push_back(choice_flag<LoadFraming>(
      "data", &options.framing, "COMMAND",
      {{"data", LoadFraming::data}, {"bdat", LoadFraming::bdat}}, "how mail data is sent"));
  flags.push_back(bytes_flag("bdat-chunk", &options.bdat_chunk_bytes,
                             {1, core::kLoadMessageBytesMax},
                             "octets of a chunk of BDAT; each waits for the reply to the one "
                             "before"));
  flags.push_back(number_flag("seed", &options.seed, "NUMBER", {0, uint64_t{INT64_MAX}},
                              "of what is drawn: with the same one, a message of the same number "
                              "has the same size and recipients, and Poisson arrivals come at the "
                              "same times"));
}

void add_envelope_flags(std::vector<Flag>& flags, LoadOptions& options) {
  const TextRule path{"up to 254 octets without spaces and angle brackets", is_path};
  const TextRule pattern{"up to 254 octets without spaces and angle brackets, %d once at most",
                         is_path_pattern};
  const TextRule path_or_null{
      "up to 254 octets without spaces and angle brackets, or '<>' for the null reverse-path",
      [](std::string_view text) { return text == "<>" || is_path(text); }};
  flags.push_back(text_flag("rcpt", &options.rcpt, "ADDRESS",
                            "recipient of all messages; %d in it is a number of up to six digits",
                            pattern));
  flags.push_back(count_flag("recipients", &options.recipients, {1, core::kLoadRecipientsMax},
                             false, "recipients of a message"));
  flags.push_back(number_flag("bad-recipients", &options.bad_recipients_percent, "PERCENT",
                              {0, 100}, "of the RCPT commands that must be refused"));
  flags.push_back(text_flag("bad-rcpt", &options.bad_rcpt, "ADDRESS", "recipient of these", path));
  flags.push_back(text_flag("mail-from", &options.mail_from, "ADDRESS",
                            "reverse-path of all messages", path_or_null));
  flags.push_back(number_flag("abort", &options.abort_percent, "PERCENT", {0, 100},
                              "of the transactions that end, in turn, by RSET instead of DATA, or "
                              "by closing in the middle of the mail data"));
}

void add_connection_flags(std::vector<Flag>& flags, LoadOptions& options) {
  constexpr uint64_t kManyMessages = 1'000'000'000'000;
  flags.push_back(count_flag("messages-per-connection", &options.messages_per_connection,
                             {0, kManyMessages, "0 means all"}, true,
                             "messages before QUIT and the next connection"));
  flags.push_back(negatable_flag("pipelining", &options.pipelining,
                                 "send MAIL, RCPT and DATA in one piece if the server offers it"));
  flags.push_back(number_flag("slow", &options.slow_percent, "PERCENT", {0, 100},
                              "of the connections that send mail data at --slow-rate"));
  flags.push_back(number_flag("slow-rate", &options.slow_rate, "OCTETS",
                              {1, core::kLoadSlowRateMax}, "a second"));
  flags.push_back(choice_flag<ProxyVersion>(
      "proxy", &options.proxy, "VERSION",
      {{"off", ProxyVersion::off}, {"v1", ProxyVersion::v1}, {"v2", ProxyVersion::v2}},
      "speak for clients by the PROXY protocol"));
  flags.push_back(value_flag(
      "proxy-clients", &options.proxy_clients, "CIDR", kRangeSyntax, "addresses of these",
      [](std::string_view text) -> FromText<AddressRange> {
        const auto range = parse_address_range(text);
        if (!range) return tl::unexpected(std::string());
        return *range;
      },
      format_address_range));
  flags.push_back(value_flag(
      "source", &options.source, "CIDR", kRangeSyntax, "addresses to connect from, in turn",
      parse_source,
      [](const auto& source) { return source ? format_address_range(*source) : std::string(); }));
}

}  // namespace

void add_scenario_flags(std::vector<Flag>& flags, LoadOptions& options) {
  add_mail_flags(flags, options);
  add_envelope_flags(flags, options);
  add_connection_flags(flags, options);
  flags.push_back(text_flag("ids", &options.ids, "FILE",
                            "append a line RUN.NUMBER.CRC SIZE for each message that was "
                            "acknowledged"));
}

}  // namespace mailrace::tools
