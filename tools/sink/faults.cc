// SPDX-License-Identifier: GPL-3.0-or-later
// Rules are texts with colons between their parts.
#include "tools/sink/faults.h"

#include "core/base/check.h"
#include "core/base/text.h"
#include "tools/lib/flag_text.h"
#include "tools/lib/flag_values.h"

#include <algorithm>
#include <optional>

namespace mailrace::tools {
namespace {

// Takes the text up to the next colon off `rest`.
std::string_view take_part(std::string_view& rest) {
  const size_t colon = std::min(rest.find(':'), rest.size());
  const std::string_view part = rest.substr(0, colon);
  rest.remove_prefix(std::min(colon + 1, rest.size()));
  return part;
}

std::optional<uint64_t> number_between(std::string_view text, uint64_t least, uint64_t most) {
  const auto number = core::parse_decimal(text);
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

// Reads the delay of a rule into it. returns   what is wrong
std::optional<std::string> read_delay(std::string_view text, FaultRule& rule) {
  const auto delay = parse_duration(text);
  if (!delay) return delay.error();
  if (delay->ns <= 0 || *delay > core::seconds(core::kSinkDelayMaxS)) {
    return "the time is above 0, up to " + format_duration(core::seconds(core::kSinkDelayMaxS));
  }
  rule.delay = *delay;
  return std::nullopt;
}

}  // namespace

std::string_view fault_syntax(FaultKind kind) noexcept {
  switch (kind) {
    case FaultKind::delay:
      return "STAGE:TIME; STAGE is banner, ehlo, mail, rcpt, data or message";
    case FaultKind::reply:
      return "STAGE:PERCENT:CODE; STAGE as for --delay, PERCENT 1 to 100, CODE 400 to 599";
    case FaultKind::reset:
    case FaultKind::close:
      break;
  }
  return "STAGE:PERCENT; STAGE as for --delay, PERCENT 1 to 100";
}

tl::expected<FaultRule, std::string> parse_fault(FaultKind kind, std::string_view text) {
  const auto colons = std::ranges::count(text, ':');
  if (colons != (kind == FaultKind::reply ? 2 : 1)) return tl::unexpected(std::string());
  FaultRule rule{.kind = kind};
  const std::string_view stage = take_part(text);
  const auto* const name = std::ranges::find(kFaultStageNames, stage);
  if (name == kFaultStageNames.end()) {
    return tl::unexpected("there is no stage " + in_quotes(stage));
  }
  rule.stage = FaultStage(name - kFaultStageNames.begin());
  if (kind == FaultKind::delay) {
    if (const auto wrong = read_delay(text, rule)) return tl::unexpected(*wrong);
    return rule;
  }
  const std::string_view share = take_part(text);
  const auto percent = number_between(share, 1, 100);
  if (!percent) return tl::unexpected("no percentage: " + in_quotes(share));
  rule.percent = uint32_t(*percent);
  if (kind != FaultKind::reply) return rule;
  const auto code = number_between(text, 400, 599);
  if (!code || text.size() != 3) return tl::unexpected("no such reply code: " + in_quotes(text));
  rule.code = uint16_t(*code);
  return rule;
}

tl::expected<FaultPlan, std::string> FaultPlan::make(const SinkOptions& options) {
  FaultPlan plan;
  const std::vector<std::string>* const texts[] = {&options.delays, &options.replies,
                                                   &options.resets, &options.closes};
  for (size_t kind = 0; kind < kFaultKindCount; ++kind) {
    for (const std::string& text : *texts[kind]) {
      const auto rule = parse_fault(FaultKind(kind), text);
      MAILRACE_CHECK(rule.has_value());
      Stage& stage = plan.stages_[size_t(rule->stage)];
      const std::string flag = "--" + std::string(kFaultKindNames[kind]) + ": " + in_quotes(text);
      if (rule->kind == FaultKind::delay) {
        if (stage.delay.ns > 0) return tl::unexpected(flag + " is a second delay of that stage");
        stage.delay = rule->delay;
        continue;
      }
      stage.percent += rule->percent;
      if (stage.percent > 100) {
        return tl::unexpected(flag + " makes the faults of that stage more than 100 percent");
      }
      stage.rules.push_back(*rule);
    }
  }
  return plan;
}

const FaultRule* FaultPlan::draw(FaultStage at, core::Prng& random) const noexcept {
  const Stage& stage = stages_[size_t(at)];
  if (stage.rules.empty()) return nullptr;
  uint64_t drawn = random.below(100);
  for (const FaultRule& rule : stage.rules) {
    if (drawn < rule.percent) return &rule;
    drawn -= rule.percent;
  }
  return nullptr;
}

}  // namespace mailrace::tools
