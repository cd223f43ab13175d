// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/busy_networks.h"

namespace mailrace::core {
namespace {

constexpr uint64_t kIsV6 = uint64_t{1} << 63;
constexpr uint64_t kIsThere = uint64_t{1} << 48;

}  // namespace

NetworkKey::NetworkKey(const IpAddress& address) noexcept
    : word_(address.is_v4 ? kIsThere : kIsThere | kIsV6) {
  const size_t octets = bits() / 8;
  for (size_t i = 0; i < octets; ++i) {
    word_ |= uint64_t{address.octets[i]} << (8 * (octets - 1 - i));
  }
}

IpAddress NetworkKey::address() const noexcept {
  IpAddress address;
  address.is_v4 = is_v4();
  const size_t octets = bits() / 8;
  for (size_t i = 0; i < octets; ++i) {
    address.octets[i] = uint8_t(word_ >> (8 * (octets - 1 - i)));
  }
  return address;
}

void BusyNetworks::add(const IpAddress& address) noexcept {
  const uint64_t network = NetworkKey(address).word();
  Entry* least = &entries_[0];
  for (Entry& entry : entries_) {
    if (entry.network.get() == network) return entry.connections.add();
    if (entry.connections.get() < least->connections.get()) least = &entry;
  }
  least->network.set(network);
  least->connections.add();
}

void BusyNetworks::fade() noexcept {
  for (Entry& entry : entries_) entry.connections.set(entry.connections.get() / 2);
}

}  // namespace mailrace::core
