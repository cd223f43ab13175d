// SPDX-License-Identifier: GPL-3.0-or-later
// In place, so that no copy of a secret stays behind in memory that grew.
#include "net/tls_ticket_keys.h"

#include <string.h>
#include <sys/random.h>

#include <algorithm>
#include <cstring>

namespace mailrace::net {

TlsTicketKeys::~TlsTicketKeys() { ::explicit_bzero(keys_.data(), sizeof keys_); }

std::optional<TlsTicketKeys> TlsTicketKeys::parse(core::Octets file) noexcept {
  const size_t count = file.size() / core::kTlsTicketKeyBytes;
  const bool is_whole = file.size() % core::kTlsTicketKeyBytes == 0;
  if (!is_whole || count == 0 || count > core::kTlsTicketKeysMax) return std::nullopt;
  TlsTicketKeys keys;
  std::memcpy(keys.keys_.data(), file.data(), file.size());
  keys.count_ = count;
  return keys;
}

bool TlsTicketKeys::rotate() noexcept {
  TlsTicketKey fresh;
  if (::getrandom(&fresh, sizeof fresh, 0) != ssize_t{sizeof fresh}) return false;
  count_ = std::min(count_ + 1, core::kTlsTicketKeysKept);
  std::shift_right(keys_.begin(), keys_.begin() + ptrdiff_t(count_), 1);
  keys_[0] = fresh;
  ::explicit_bzero(&fresh, sizeof fresh);
  return true;
}

}  // namespace mailrace::net
