// SPDX-License-Identifier: GPL-3.0-or-later
// A rule, a network and a kind of event make a key; the tables know keys only.
#include "core/policy/client_limits.h"

#include "core/base/check.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace mailrace::core {
namespace {

constexpr auto kPlaceOf = [](const LimitRule& rule) {
  return std::tuple(!rule.network.address.is_v4, rule.network.bits, rule.network.address.octets);
};

std::vector<CidrPrefix> networks_of(const std::vector<LimitRule>& rules) {
  std::vector<CidrPrefix> networks;
  for (const LimitRule& rule : rules) networks.push_back(rule.network);
  return networks;
}

// Both halves of a product, folded: each bit of it hangs on all bits of both.
uint64_t fold(uint64_t a, uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

}  // namespace

// --- rules ---------------------------------------------------------------------------------------

LimitRules::LimitRules(std::vector<LimitRule> rules)
    : rules_(std::move(rules)), networks_(networks_of(rules_)) {
  MAILRACE_CHECK(rules_.size() <= kLimitRulesMax);
  // Of one network the narrow ones first: what they refuse the wide ones need not count.
  std::ranges::stable_sort(rules_, {}, [](const LimitRule& rule) {
    return std::tuple_cat(kPlaceOf(rule), std::tuple(-int(rule.each)));
  });
}

std::span<const LimitRule> LimitRules::of(const IpAddress& address) const noexcept {
  if (rules_.empty()) return {};
  const std::optional<CidrPrefix> network = networks_.longest_match(address);
  if (!network) return {};
  const auto place = kPlaceOf(LimitRule{.network = *network});
  const auto first = std::ranges::lower_bound(rules_, place, {}, kPlaceOf);
  const auto last = std::ranges::upper_bound(rules_, place, {}, kPlaceOf);
  return {first, last};
}

// --- use -----------------------------------------------------------------------------------------

ClientUse::ClientUse(std::array<uint64_t, 4> secret, size_t sessions)
    : secret_(secret),
      rates_(kRateTableEntries),
      held_(std::min(kHeldEntriesPerSession * sessions, kHeldEntriesMax)) {}

uint64_t ClientUse::key(const LimitRule& rule, const IpAddress& address,
                        Limited what) const noexcept {
  const IpAddress network = masked(address, rule.each);
  uint64_t high = 0;
  uint64_t low = 0;
  std::memcpy(&high, network.octets.data(), sizeof high);
  std::memcpy(&low, network.octets.data() + sizeof high, sizeof low);
  const uint64_t kind = uint64_t(what) << 16 | uint64_t{rule.each} << 8 | uint64_t{address.is_v4};
  return fold(fold(high ^ secret_[0], low ^ secret_[1]) ^ kind ^ secret_[2], secret_[3] | 1);
}

// --- one client ----------------------------------------------------------------------------------

void LimitedClient::bind(const LimitRules& rules, ClientUse& use) noexcept {
  use_ = &use;
  all_ = &rules;
}

std::optional<Limited> LimitedClient::open(const IpAddress& address, Instant now) noexcept {
  if (use_ == nullptr) return std::nullopt;
  become(address);
  for (const Limited what : {Limited::unknown_recipients, Limited::errors, Limited::handshakes}) {
    if (!may(what, 0, now)) return what;
  }
  held_as_ = address_;
  held_by_ = rules_.first(std::min(rules_.size(), kLimitRulesPerNetworkMax));
  Limited beyond = Limited::concurrent;
  if (hold(beyond) && hold(beyond = Limited::half_open) &&
      may(beyond = Limited::connections, 1, now)) {
    return std::nullopt;
  }
  close();  // what is refused here must not use up what the neighbours share with it
  return beyond;
}

void LimitedClient::become(const IpAddress& address) noexcept {
  if (use_ == nullptr) return;
  address_ = unmapped(address);
  rules_ = all_->of(address_);
}

bool LimitedClient::hold(Limited what) noexcept {
  for (size_t i = 0; i < held_by_.size(); ++i) {
    const uint32_t most = held_by_[i].held[size_t(what)];
    if (most == 0) continue;
    const uint64_t key = use_->key(held_by_[i], held_as_, what);
    const HeldTable::Taken taken = use_->held().take(key, most);
    if (taken == HeldTable::Taken::refused) return false;
    if (taken == HeldTable::Taken::yes) held_[size_t(what)] |= 1u << i;
  }
  return true;
}

void LimitedClient::give_back(Limited what) noexcept {
  uint32_t& held = held_[size_t(what)];
  if (held == 0) return;
  for (size_t i = 0; i < held_by_.size(); ++i) {
    if ((held >> i & 1) == 0) continue;
    use_->held().give_back(use_->key(held_by_[i], held_as_, what));
  }
  held = 0;
}

void LimitedClient::close() noexcept {
  give_back(Limited::half_open);
  give_back(Limited::concurrent);
}

// What one rule has counted before the next one refuses stays counted.
bool LimitedClient::may(Limited what, uint32_t count, Instant now) noexcept {
  return std::ranges::all_of(rules_, [&](const LimitRule& rule) {
    const Rate& rate = rule.rates[size_t(what)];
    if (!rate.is_limit()) return true;
    const uint64_t key = use_->key(rule, address_, what);
    return count == 0 ? use_->rates().allows(key, rate, now)
                      : use_->rates().take(key, rate, count, now);
  });
}

bool LimitedClient::has_done(Limited what, uint32_t count, Instant now) noexcept {
  bool may_go_on = true;
  for (const LimitRule& rule : rules_) {
    const Rate& rate = rule.rates[size_t(what)];
    if (!rate.is_limit()) continue;
    const uint64_t key = use_->key(rule, address_, what);
    may_go_on = use_->rates().allows(key, rate, now) && may_go_on;
    use_->rates().charge(key, rate, count, now);
  }
  return may_go_on;
}

}  // namespace mailrace::core
