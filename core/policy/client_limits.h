// SPDX-License-Identifier: GPL-3.0-or-later
// How much of the server the clients of a network may have.
#pragma once

#include "core/base/cidr.h"
#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/policy/rate_table.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace mailrace::core {

/// What of a client is limited. The names are those of --limit.
enum class Limited : uint8_t {
  concurrent,   // connections at one time
  half_open,    // of these, such that have not begun a mail yet
  connections,  // from here on in a time
  messages,
  recipients,
  unknown_recipients,
  errors,
  handshakes,  // of TLS
};
inline constexpr size_t kLimitedCount = 8;
inline constexpr std::array<std::string_view, kLimitedCount> kLimitedNames = {
    "concurrent", "half-open",          "connections", "messages",
    "recipients", "unknown-recipients", "errors",      "handshakes"};
constexpr std::string_view name_of(Limited what) noexcept { return kLimitedNames[size_t(what)]; }
/// The first of them are what a client has; the others are what it does, in a time.
inline constexpr size_t kHeldCount = 2;
constexpr bool is_held(Limited what) noexcept { return size_t(what) < kHeldCount; }

/// Of each network of `each` bits within `network`, all addresses together: so much.
struct LimitRule {
  CidrPrefix network;
  uint8_t each = 32;                           // >= network.bits
  std::array<uint32_t, kHeldCount> held = {};  // at one time; 0: no limit
  std::array<Rate, kLimitedCount> rates = {};  // of everything else; those of `held` are not used

  bool operator==(const LimitRule&) const = default;
};

/// Rules that hold until others replace them as a whole. Only the rules of the smallest network
/// that an address is in hold for it.
class LimitRules {
 public:
  LimitRules() = default;
  /// rules   up to kLimitRulesMax; several may be of one network
  explicit LimitRules(std::vector<LimitRule> rules);

  bool empty() const noexcept { return rules_.empty(); }
  std::span<const LimitRule> of(const IpAddress& address) const noexcept;

 private:
  std::vector<LimitRule> rules_;  // of one network beside each other
  CidrSet networks_;
};

/// What clients have of the server, for all workers.
class ClientUse {
 public:
  /// secret     random, and nobody else's: a client cannot choose whom it is taken for
  /// sessions   how many there may be
  ClientUse(std::array<uint64_t, 4> secret, size_t sessions);

  /// Whose use of `what` a rule limits: a network of the rule's, as a number.
  uint64_t key(const LimitRule& rule, const IpAddress& address, Limited what) const noexcept;

  RateTable& rates() noexcept { return rates_; }
  HeldTable& held() noexcept { return held_; }

 private:
  std::array<uint64_t, 4> secret_;
  RateTable rates_;
  HeldTable held_;
};

/// One connection's client: what it does is put down to all networks of it that have limits.
class LimitedClient {
 public:
  LimitedClient() = default;
  ~LimitedClient() { close(); }
  LimitedClient(const LimitedClient&) = delete;
  LimitedClient& operator=(const LimitedClient&) = delete;

  /// Before all else, if there are limits. rules, use   outlive this
  void bind(const LimitRules& rules, ClientUse& use) noexcept;
  /// A connection begins. Counts it, and asks whether the client has done too much before.
  /// returns   what there is too much of, or nothing
  std::optional<Limited> open(const IpAddress& address, Instant now) noexcept;
  /// What comes is another client's: on a connection of somebody who speaks for many.
  void become(const IpAddress& address) noexcept;
  /// What comes is counted for nobody.
  void exempt() noexcept { rules_ = {}; }
  /// It has begun a mail: the connection is not half open any more.
  void establish() noexcept { give_back(Limited::half_open); }
  /// The connection is over.
  void close() noexcept;

  /// Counts what the client wants to do. returns whether it may
  bool may(Limited what, uint32_t count, Instant now) noexcept;
  /// Counts what it has done. returns whether it may go on
  bool has_done(Limited what, uint32_t count, Instant now) noexcept;

 private:
  bool hold(Limited what) noexcept;
  void give_back(Limited what) noexcept;

  ClientUse* use_ = nullptr;
  const LimitRules* all_ = nullptr;
  std::span<const LimitRule> rules_;
  IpAddress address_;
  std::array<uint32_t, kHeldCount> held_ = {};  // a bit for each rule that counts this connection
  IpAddress held_as_;
  std::span<const LimitRule> held_by_;
};

}  // namespace mailrace::core
