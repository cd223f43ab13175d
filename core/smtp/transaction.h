// SPDX-License-Identifier: GPL-3.0-or-later
// What MAIL opens and the end of mail data closes.
#pragma once

#include "core/base/bounded.h"
#include "core/base/limits.h"
#include "core/base/text_chain.h"
#include "core/smtp/envelope.h"

#include <cstdint>

namespace mailrace::core {

/// A mail transaction (RFC 5321 section 3.3). RSET assigns a fresh one: nothing stays half reset.
struct Transaction {
  explicit Transaction(BlockPool& blocks) noexcept : forward_paths(blocks) {}

  bool is_open = false;            // MAIL was accepted
  bool recipient_refused = false;  // some RCPT was
  BodyType body = BodyType::unspecified;
  uint64_t size_declared = 0;                 // octets, SIZE= of RFC 1870; 0 if absent
  BoundedString<kPathBytesMax> reverse_path;  // without brackets; empty: the null reverse-path
  TextChain forward_paths;                    // accepted ones, without brackets, as written
};

}  // namespace mailrace::core
