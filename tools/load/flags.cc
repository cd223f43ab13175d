// SPDX-License-Identifier: GPL-3.0-or-later
// What a load run may be told, and within which bounds.
#include "tools/load/flags.h"

#include "core/base/limits.h"
#include "core/base/text.h"
#include "tools/lib/flag_values.h"
#include "tools/load/pace_flags.h"
#include "tools/load/scenario_flags.h"
#include "tools/load/target.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

bool is_host(std::string_view text) {
  return text.size() <= core::kDomainBytesMax && std::ranges::all_of(text, [](char c) {
           return core::is_alnum(c) || c == '-' || c == '.' || c == '_';
         });
}

// What is shown and written, and where.
void add_output_flags(std::vector<Flag>& flags, LoadOptions& options) {
  const TextRule file{"a name of a file; - is none",
                      [](std::string_view text) { return text != "-"; }};
  flags.push_back(text_flag("csv", &options.csv, "FILE",
                            "a line for each second, written while it goes on", file));
  flags.push_back(text_flag("html", &options.html, "FILE",
                            "the result as a page, with plots, at the end", file));
  flags.push_back(
      switch_flag("json", &options.json, "print the result as one JSON object, and no live line"));
  flags.push_back(switch_flag("quiet", &options.quiet, "no live line on stderr"));
}

}  // namespace

std::vector<Flag> load_flags(LoadOptions& options) {
  TextRule target{std::string(kLoadTargetSyntax), {}};
  target.why_not = [](std::string_view text) -> std::optional<std::string> {
    const auto parsed = parse_load_target(text);
    if (parsed) return std::nullopt;
    return parsed.error();
  };
  const TextRule host{"a host name of up to 253 octets, or empty for none",
                      [](std::string_view text) { return text.empty() || is_host(text); }};
  constexpr uint64_t kManyMessages = 1'000'000'000'000;
  std::vector<Flag> flags = {
      text_flag("target", &options.target, "TARGET", "the server to send to", target),
      config_flag("scenario", &options.scenario,
                  "TOML file with what to send: long flag names as keys, over those of --config"),
      number_flag("connections", &options.connections, "COUNT", {1, core::kLoadConnectionsMax},
                  "connections at a time; each waits for a reply before it goes on"),
      number_flag("messages", &options.messages, "COUNT",
                  {0, kManyMessages, "0 means until --duration is over"},
                  "messages to send, all connections together, those of --warmup included"),
      duration_flag("warmup", &options.warmup,
                    {core::Duration{}, core::seconds(3'600), "0 means none"},
                    "time before what is measured; connections are opened evenly over its first "
                    "half"),
      duration_flag("duration", &options.duration,
                    {core::Duration{}, core::seconds(86'400),
                     "0 means until --messages are sent, or 10s without these, 5s for each step "
                     "of --ramp"},
                    "how long to begin new messages, behind --warmup"),
      choice_flag<LoadTlsMode>("tls", &options.tls.mode, "MODE",
                               {{"off", LoadTlsMode::off},
                                {"starttls", LoadTlsMode::starttls},
                                {"implicit", LoadTlsMode::implicit}},
                               "TLS: not at all, by STARTTLS, or from the first octet; no "
                               "certificate is verified"),
      choice_flag<LoadTlsVersion>("tls-version", &options.tls.version, "VERSION",
                                  {{"1.2", LoadTlsVersion::tls12}, {"1.3", LoadTlsVersion::tls13}},
                                  "the only version offered"),
      choice_flag<LoadTlsGroup>("tls-group", &options.tls.group, "GROUP",
                                {{"x25519", LoadTlsGroup::x25519},
                                 {"p-256", LoadTlsGroup::p256},
                                 {"x25519mlkem768", LoadTlsGroup::x25519mlkem768}},
                                "the only group offered; in TLS 1.2, if there is another, P-256 "
                                "behind it"),
      number_flag("tls-resume", &options.tls.resume_percent, "PERCENT", {0, 100},
                  "of the connections that resume a session by its ticket"),
      text_flag("tls-server-name", &options.tls.server_name, "HOST",
                "the name that the client asks for (SNI)", host),
      number_flag("threads", &options.threads, "COUNT", {1, core::kWorkersMax - 1},
                  "threads to send from, each on a CPU of its own as far as there are"),
  };
  add_scenario_flags(flags, options);
  add_pace_flags(flags, options);
  add_output_flags(flags, options);
  return flags;
}

std::string flag_values_text(const Flag& flag) {
  std::string text;
  for (const std::string& value : flag.get()) text += (text.empty() ? "" : ", ") + value;
  return text;
}

}  // namespace mailrace::tools
