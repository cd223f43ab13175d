// SPDX-License-Identifier: GPL-3.0-or-later
// Options stand behind the network as NAME=VALUE, with commas between them, as in --listen.
#include "tools/serve/limit_text.h"

#include "core/base/text.h"
#include "tools/lib/flag_text.h"
#include "tools/lib/flag_values.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace mailrace::tools {
namespace {

using core::Limited;
using core::LimitRule;
using Wrong = std::optional<std::string>;

constexpr uint8_t kEachOfIpv4 = 32;
constexpr uint8_t kEachOfIpv6 = 64;

std::string_view take_piece(std::string_view& rest) {
  const size_t comma = rest.find(',');
  const std::string_view piece = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return piece;
}

std::optional<uint32_t> parse_count(std::string_view text) {
  const auto count = core::parse_decimal(text);
  if (!count || *count == 0 || *count > core::kLimitCountMax) return std::nullopt;
  return uint32_t(*count);
}

std::string counts() { return "1 to " + std::to_string(core::kLimitCountMax); }

// What one value says so far.
class Rules {
 public:
  Wrong begin(std::string_view network) {
    if (network == "any") {
      add({core::IpAddress{}, 0});
      add({core::IpAddress{.octets = {}, .is_v4 = false}, 0});
      return std::nullopt;
    }
    const core::ParsedCidr parsed = core::parse_cidr(network);
    if (parsed.error == core::CidrError::host_bits) return "bits behind the prefix are set";
    if (parsed.error != core::CidrError::none) return "";
    add(parsed.prefix);
    return std::nullopt;
  }

  Wrong set(std::string_view option) {
    const size_t equals = option.find('=');
    const std::string_view name = option.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const std::string_view value = has_value ? option.substr(equals + 1) : std::string_view();
    if (name == "each") return set_each(value);
    if (name == "limits" && value == "none") {
      says_none_ = true;
      return std::nullopt;
    }
    const auto known = std::ranges::find(core::kLimitedNames, name);
    if (known == core::kLimitedNames.end()) return "there is no option " + in_quotes(name);
    says_limit_ = true;
    const auto what = Limited(known - core::kLimitedNames.begin());
    return core::is_held(what) ? set_held(what, value) : set_rate(what, value);
  }

  Wrong end() const {
    if (says_none_ && says_limit_) return "limits=none goes with no limit";
    if (!says_none_ && !says_limit_) return "no limit is given";
    return std::nullopt;
  }

  std::vector<LimitRule> take() { return std::move(rules_); }

 private:
  void add(const core::CidrPrefix& network) {
    const uint8_t each = network.address.is_v4 ? kEachOfIpv4 : kEachOfIpv6;
    rules_.push_back({.network = network, .each = std::max(each, network.bits)});
  }

  Wrong set_each(std::string_view value) {
    const auto bits = core::parse_decimal(value);
    if (std::exchange(says_each_, true)) return "each is given twice";
    if (rules_.size() != 1) return "each goes with one network: 0.0.0.0/0 or ::/0";
    const core::CidrPrefix& network = rules_.front().network;
    const uint64_t most = network.address.is_v4 ? 32 : 128;
    if (!bits || *bits < network.bits || *bits > most) {
      return "each takes " + std::to_string(network.bits) + " to " + std::to_string(most) +
             " bits there";
    }
    rules_.front().each = uint8_t(*bits);
    return std::nullopt;
  }

  Wrong set_held(Limited what, std::string_view value) {
    const std::string name(core::name_of(what));
    const auto count = parse_count(value);
    if (!count) return name + " takes " + counts();
    if (rules_.front().held[size_t(what)] != 0) return name + " is given twice";
    for (LimitRule& rule : rules_) rule.held[size_t(what)] = *count;
    return std::nullopt;
  }

  Wrong set_rate(Limited what, std::string_view value) {
    const std::string name(core::name_of(what));
    const size_t slash = value.find('/');
    const auto count = parse_count(value.substr(0, slash));
    const auto period = slash == std::string_view::npos
                            ? FromText<core::Duration>(tl::unexpected(std::string()))
                            : parse_duration(value.substr(slash + 1));
    const bool fits = count && period && *period >= core::seconds(1) &&
                      *period <= core::seconds(core::kLimitPeriodMaxS);
    if (!fits) return name + " takes " + counts() + ", '/', and 1s to 24h";
    if (rules_.front().rates[size_t(what)].is_limit()) return name + " is given twice";
    for (LimitRule& rule : rules_) rule.rates[size_t(what)] = {*count, *period};
    return std::nullopt;
  }

  std::vector<LimitRule> rules_;
  bool says_each_ = false;
  bool says_none_ = false;
  bool says_limit_ = false;
};

}  // namespace

tl::expected<std::vector<LimitRule>, std::string> parse_limit(std::string_view text) {
  const bool more_to_come = text.ends_with(',');
  Rules rules;
  if (auto wrong = rules.begin(take_piece(text))) return tl::unexpected(*wrong);
  while (!text.empty()) {
    if (auto wrong = rules.set(take_piece(text))) return tl::unexpected(*wrong);
  }
  if (more_to_come) return tl::unexpected(std::string("an option is missing behind the comma"));
  if (auto wrong = rules.end()) return tl::unexpected(*wrong);
  return rules.take();
}

tl::expected<std::vector<LimitRule>, std::string> limit_rules(
    const std::vector<std::string>& texts) {
  std::vector<LimitRule> all;
  for (const std::string& text : texts) {
    const auto rules = parse_limit(text);
    if (!rules) return tl::unexpected(in_quotes(text) + ": " + rules.error());
    for (const LimitRule& rule : *rules) {
      const auto same_network = [&rule](const LimitRule& other) {
        return other.network == rule.network;
      };
      const bool twice = std::ranges::any_of(all, [&](const LimitRule& other) {
        return same_network(other) && other.each == rule.each;
      });
      if (twice)
        return tl::unexpected(in_quotes(text) + ": the same network and each is given twice");
      if (size_t(std::ranges::count_if(all, same_network)) == core::kLimitRulesPerNetworkMax) {
        return tl::unexpected(in_quotes(text) + ": more than " +
                              std::to_string(core::kLimitRulesPerNetworkMax) + " for one network");
      }
      all.push_back(rule);
    }
  }
  if (all.size() > core::kLimitRulesMax) {
    return tl::unexpected("more than " + std::to_string(core::kLimitRulesMax) + " networks");
  }
  return all;
}

}  // namespace mailrace::tools
