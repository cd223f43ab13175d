// SPDX-License-Identifier: GPL-3.0-or-later
// Which networks come most often, in memory that does not grow with their number.
#pragma once

#include "core/base/counter.h"
#include "core/base/ip.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace mailrace::core {

/// The /24 of an IPv4 address, or the /48 of an IPv6 one.
class NetworkKey {
 public:
  NetworkKey() = default;
  explicit NetworkKey(const IpAddress& address) noexcept;
  /// As word() gave it; 0: of nobody.
  explicit NetworkKey(uint64_t word) noexcept : word_(word) {}

  uint64_t word() const noexcept { return word_; }
  bool is_v4() const noexcept { return word_ >> 63 == 0; }
  uint8_t bits() const noexcept { return is_v4() ? 24 : 48; }
  /// The first address.
  IpAddress address() const noexcept;

 private:
  uint64_t word_ = 0;  // [ is v6 1 | 0 14 | is there 1 | 48 ]
};

/// The networks of the last half minute or so, by the algorithm Space-Saving (Metwally, Agrawal, El
/// Abbadi, 2005): a network with more than one of kPlaces connections is in it, and counts are too
/// large by no more than that. Written by one thread, read by any; a reader may see a network with
/// the count of the one before.
class BusyNetworks {
 public:
  static constexpr size_t kPlaces = 32;

  struct Entry {
    Counter network;  // NetworkKey::word()
    Counter connections;
  };

  void add(const IpAddress& address) noexcept;
  /// Halves all counts: what was, counts less than what is.
  void fade() noexcept;

  const std::array<Entry, kPlaces>& entries() const noexcept { return entries_; }

 private:
  std::array<Entry, kPlaces> entries_;
};

}  // namespace mailrace::core
