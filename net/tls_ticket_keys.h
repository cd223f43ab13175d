// SPDX-License-Identifier: GPL-3.0-or-later
// Keys of session tickets: the same for all workers, and for all machines that share a file.
#pragma once

#include "core/base/bytes.h"
#include "core/base/limits.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace mailrace::net {

struct TlsTicketKey {
  std::array<std::byte, 16> name;  // stands in the ticket, in the clear
  std::array<std::byte, 32> secret;
};
static_assert(sizeof(TlsTicketKey) == core::kTlsTicketKeyBytes);

/// The first key encrypts, all decrypt. A value; its secrets are wiped when it goes away.
class TlsTicketKeys {
 public:
  TlsTicketKeys() = default;
  TlsTicketKeys(const TlsTicketKeys&) = default;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = default;
  ~TlsTicketKeys();

  /// A file of 1 to kTlsTicketKeysMax keys, each 16 octets of name and 32 of secret.
  static std::optional<TlsTicketKeys> parse(core::Octets file) noexcept;

  /// Puts a fresh random key in front; of the others kTlsTicketKeysKept - 1 stay.
  /// returns   false if the kernel has no random numbers
  bool rotate() noexcept;

  std::span<const TlsTicketKey> keys() const noexcept { return std::span(keys_).first(count_); }

 private:
  std::array<TlsTicketKey, core::kTlsTicketKeysMax> keys_{};
  size_t count_ = 0;
};

}  // namespace mailrace::net
