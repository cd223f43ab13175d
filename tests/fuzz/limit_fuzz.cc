// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a value of --limit: what is taken keeps to the bounds, and a value has rules of one
// network in each family.
#include "core/base/check.h"
#include "core/base/limits.h"
#include "tools/serve/limit_text.h"

#include <cstdint>
#include <string_view>

namespace mailrace::tools {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = parse_limit(text);
  if (!rules) return 0;
  MAILRACE_CHECK(rules->size() == (text.starts_with("any") ? 2 : 1));
  for (const core::LimitRule& rule : *rules) {
    MAILRACE_CHECK(rule.each >= rule.network.bits);
    MAILRACE_CHECK(rule.each <= (rule.network.address.is_v4 ? 32 : 128));
    for (const uint32_t held : rule.held) MAILRACE_CHECK(held <= core::kLimitCountMax);
    for (const core::Rate& rate : rule.rates) {
      MAILRACE_CHECK(rate.events <= core::kLimitCountMax);
      MAILRACE_CHECK(!rate.is_limit() || rate.period >= core::seconds(1));
      MAILRACE_CHECK(rate.period <= core::seconds(core::kLimitPeriodMaxS));
    }
  }
  MAILRACE_CHECK(core::LimitRules(*rules).of(rules->front().network.address).size() == 1);
  return 0;
}

}  // namespace mailrace::tools
