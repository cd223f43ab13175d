// SPDX-License-Identifier: GPL-3.0-or-later
// Command lines taken apart, down to path and parameters: time per command.
#include "core/smtp/command.h"
#include "core/smtp/parameters.h"
#include "core/smtp/path.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace mailrace::bench {
namespace {

using core::Command;

struct Line {
  std::string_view name;
  std::string_view text;  // without CRLF
  core::Verb verb;
};

constexpr Line kLines[] = {
    {"noop", "NOOP", core::Verb::noop},
    {"ehlo", "EHLO mail-out-7.client.example.com", core::Verb::ehlo},
    {"mail",
     "MAIL FROM:<bounces+12345-user=example.org@mail.client.example.com> SIZE=4096 "
     "BODY=8BITMIME",
     core::Verb::mail},
    {"rcpt", "RCPT TO:<firstname.lastname@example.org>", core::Verb::rcpt},
    {"rcpt_quoted", "RCPT TO:<\"first \\\"x\\\" last\"@[IPv6:2001:db8::1]>", core::Verb::rcpt},
};

// Whether the argument of MAIL or RCPT is good, all the way down.
bool is_good(const Command& command) {
  const bool mail = command.verb == core::Verb::mail;
  const auto split = core::split_path_argument(command.argument, mail ? "FROM:" : "TO:");
  if (!split) return false;
  if (!mail) {
    return core::parse_forward_path(split->path).error == core::PathError::none &&
           core::parse_rcpt_parameters(split->parameters, core::Charset::ascii).error ==
               core::ParameterError::none;
  }
  const auto parameters = core::parse_mail_parameters(split->parameters);
  return core::parse_reverse_path(split->path).error == core::PathError::none &&
         parameters.error == core::ParameterError::none && parameters.parameters.size == 4096u;
}

void bench_command(benchmark::State& state, const Line& line) {
  for ([[maybe_unused]] auto _ : state) {
    std::string_view text = line.text;
    benchmark::DoNotOptimize(text);
    const Command command = core::parse_command(text);
    const bool has_path = command.verb == core::Verb::mail || command.verb == core::Verb::rcpt;
    if (command.verb != line.verb || command.malformed || (has_path && !is_good(command))) {
      state.SkipWithError("a good command was refused");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}

const bool kRegistered = [] {
  for (const Line& line : kLines) {
    const std::string name = "command/" + std::string(line.name);
    benchmark::RegisterBenchmark(name.c_str(), bench_command, line);
  }
  return true;
}();

}  // namespace
}  // namespace mailrace::bench
