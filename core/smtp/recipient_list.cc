// SPDX-License-Identifier: GPL-3.0-or-later
// A recipient is one text of the chain, so it never straddles two blocks.
#include "core/smtp/recipient_list.h"

#include "core/base/check.h"

#include <array>

namespace mailrace::core {

std::optional<Recipient> RecipientList::append(const Recipient& recipient) noexcept {
  MAILRACE_CHECK(recipient.forward_path.size() <= UINT16_MAX);
  const auto path_bytes = uint16_t(recipient.forward_path.size());
  std::array<char, kHeadBytes> head;
  std::memcpy(head.data(), &path_bytes, sizeof path_bytes);
  head[sizeof path_bytes] = char(recipient.notify);
  const auto text = texts_.append({std::string_view(head.data(), head.size()),
                                   recipient.forward_path, recipient.original_recipient});
  if (!text) return std::nullopt;
  last_ = *text;
  return decode(*text);
}

}  // namespace mailrace::core
