// SPDX-License-Identifier: GPL-3.0-or-later
// What MAIL opens and the end of mail data closes.
#pragma once

#include "core/base/bounded.h"
#include "core/base/limits.h"
#include "core/base/pooled_text.h"
#include "core/smtp/envelope.h"
#include "core/smtp/recipient_list.h"
#include "core/smtp/recipient_replies.h"

#include <cstdint>

namespace mailrace::core {

/// A mail transaction (RFC 5321 section 3.3). RSET assigns a fresh one: nothing stays half reset.
struct Transaction {
  /// blocks, blocks_max   for the recipients, see RecipientList
  Transaction(BlockPool& blocks, size_t blocks_max) noexcept : recipients(blocks, blocks_max) {}

  bool is_open = false;            // MAIL was accepted
  bool recipient_refused = false;  // some RCPT was
  MailClaims claims;
  uint64_t size_declared = 0;                 // octets, SIZE= of RFC 1870; 0 if absent
  BoundedString<kPathBytesMax> reverse_path;  // without brackets; empty: the null reverse-path
  PooledText envelope_id;                     // ENVID of RFC 3461, as written; few have one
  RecipientList recipients;                   // accepted ones
  RecipientReplies recipient_replies{};       // open: PRDR was asked for
};

}  // namespace mailrace::core
