// SPDX-License-Identifier: GPL-3.0-or-later
// The recipients of a transaction, in blocks of a pool.
#pragma once

#include "core/base/limits.h"
#include "core/base/text_chain.h"
#include "core/smtp/envelope.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace mailrace::core {

/// Recipients with what RCPT said of each. Memory is whole blocks of the pool, none while the list
/// is empty, and never more than the list's share.
class RecipientList {
 public:
  /// pool         must outlive the list; its blocks hold the longest recipient
  /// blocks_max   this list's share of it
  RecipientList(BlockPool& pool, size_t blocks_max) noexcept : texts_(pool, blocks_max) {}

  /// Copies a recipient to the end.
  ///
  /// returns   the copy, valid as long as the list; nothing if the pool has no block left, or the
  ///           list has its share
  std::optional<Recipient> append(const Recipient& recipient) noexcept;

  /// Takes the last recipient off. Requires: nothing happened since the append() that took it.
  void drop_last() noexcept { texts_.drop_last(last_); }

  uint32_t count() const noexcept { return texts_.count(); }

  using Cursor = TextChain::Cursor;
  /// The next recipient; nothing behind the last one. A fresh cursor begins at the first.
  std::optional<Recipient> next(Cursor& cursor) const noexcept {
    const auto text = texts_.next(cursor);
    if (!text) return std::nullopt;
    return decode(*text);
  }

  /// Calls visit(const Recipient&) for each in order, until it returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    texts_.for_each([&visit](std::string_view text) { return visit(decode(text)); });
  }

 private:
  // In front of the forward-path and the ORCPT: octets of the former, and NOTIFY.
  static constexpr size_t kHeadBytes = sizeof(uint16_t) + sizeof(NotifySet);
  static_assert(kRecipientHeadBytes == sizeof(uint16_t) + kHeadBytes);  // the chain's own, and this

  static Recipient decode(std::string_view text) noexcept {
    Recipient recipient;
    uint16_t path_bytes;
    std::memcpy(&path_bytes, text.data(), sizeof path_bytes);
    recipient.notify = NotifySet(uint8_t(text[2]));
    recipient.forward_path = text.substr(kHeadBytes, path_bytes);
    recipient.original_recipient = text.substr(kHeadBytes + path_bytes);
    return recipient;
  }

  TextChain texts_;
  std::string_view last_;
};

}  // namespace mailrace::core
