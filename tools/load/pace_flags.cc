// SPDX-License-Identifier: GPL-3.0-or-later
// How fast, how often, and who is looked at.
#include "tools/load/pace_flags.h"

#include "core/base/limits.h"
#include "tools/lib/flag_values.h"

#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

std::string rate_allowed() {
  return "0.001 to " + std::to_string(core::kLoadRateMax) + " with up to three decimals";
}

FromText<LoadRate> parse_rate_or_none(std::string_view text) {
  if (text == "0") return LoadRate{};
  return parse_rate(text);
}

FromText<LoadRamp> parse_ramp_or_none(std::string_view text) {
  if (text.empty()) return LoadRamp{};
  return parse_ramp(text);
}

}  // namespace

void add_pace_flags(std::vector<Flag>& flags, LoadOptions& options) {
  const std::vector<Flag> more = {
      value_flag("rate", &options.rate, "RATE", rate_allowed() + "; 0 means none",
                 "messages per second that become due, all threads together, whether the server "
                 "keeps up or not: an open loop",
                 parse_rate_or_none, format_rate),
      choice_flag<LoadArrivals>(
          "arrivals", &options.arrivals, "KIND",
          {{"constant", LoadArrivals::constant}, {"poisson", LoadArrivals::poisson}},
          "of --rate and --ramp: at equal distances, or as from many who know nothing of each "
          "other"),
      value_flag("ramp", &options.ramp, "FROM:TO:STEP",
                 "three rates, each " + rate_allowed() + "; up to " +
                     std::to_string(core::kLoadRampStepsMax) + " steps of " +
                     std::to_string(core::kLoadRampStepMinMs) + "ms or more",
                 "one rate after the other, each for --duration, and which is the last that the "
                 "server keeps up with",
                 parse_ramp_or_none, format_ramp),
      switch_flag("allow-generator-limit", &options.allow_generator_limit,
                  "no failure if the generator is the limit: only say so"),
      number_flag("repeat", &options.repeat, "COUNT", {1, core::kLoadRepeatsMax},
                  "how often to do all of it; the result is the median of each figure"),
      number_flag("server-pid", &options.server_pid, "PID",
                  {0, uint64_t{INT32_MAX}, "0 means nobody"},
                  "the server, if it is on this machine: its CPU time, with that of its "
                  "descendants, is reported for each message"),
  };
  flags.insert(flags.end(), more.begin(), more.end());
}

std::string contradiction_in(const LoadOptions& options) {
  const bool has_ramp = options.ramp.is_asked_for();
  if (has_ramp && options.rate.thousandths > 0) return "--ramp: not together with --rate";
  if (has_ramp && options.messages > 0) return "--ramp: not together with --messages";
  if (options.arrivals != LoadArrivals::constant && !options.is_open_loop()) {
    return "--arrivals: only together with --rate or --ramp";
  }
  if (has_ramp && options.step_time() < core::milliseconds(core::kLoadRampStepMinMs)) {
    return "--duration: too short for a step of --ramp (allowed: " +
           std::to_string(core::kLoadRampStepMinMs) + "ms or more)";
  }
  if (has_ramp && options.repeat > 1) return "--ramp: not together with --repeat";
  return "";
}

}  // namespace mailrace::tools
