// SPDX-License-Identifier: GPL-3.0-or-later
// What a mail carries besides its data: handed to the spool when mail data begins.
#pragma once

#include "core/base/ip.h"
#include "core/base/time.h"
#include "core/message/tls_facts.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace mailrace::core {

class RecipientList;

/// The BODY parameter of MAIL (RFC 6152, RFC 3030). The numbers are on disk: never reuse one.
enum class BodyType : uint8_t {
  unspecified = 0,
  seven_bit = 1,
  eight_bit_mime = 2,
  binary_mime = 3,
};

/// The RET parameter of MAIL (RFC 3461 section 4.3). The numbers are on disk: never reuse one.
enum class ReturnContent : uint8_t { unspecified = 0, full = 1, header_section = 2 };

/// The NOTIFY parameter of RCPT (RFC 3461 section 4.1): a set of bits, empty if it is absent;
/// `never` stands alone. The bits are on disk: never reuse one.
enum class NotifySet : uint8_t { unspecified = 0, never = 1, success = 2, failure = 4, delay = 8 };

constexpr NotifySet operator|(NotifySet a, NotifySet b) noexcept {
  return NotifySet(uint8_t(a) | uint8_t(b));
}
constexpr bool has(NotifySet set, NotifySet bit) noexcept {
  return (uint8_t(set) & uint8_t(bit)) != 0;
}

/// What the 250 of a mail promises. The numbers are on disk: never reuse one.
enum class Durability : uint8_t {
  disk = 1,        // the mail is on stable storage
  page_cache = 2,  // the kernel, or the disk's volatile cache, has it: survives only our death
};

/// "disk" or "page-cache": the words of flags, logs and tools.
constexpr std::string_view durability_name(Durability durability) noexcept {
  return durability == Durability::disk ? "disk" : "page-cache";
}

/// A forward-path and what RCPT said beside it.
struct Recipient {
  std::string_view forward_path;  // without angle brackets, as written
  NotifySet notify = NotifySet::unspecified;
  std::string_view original_recipient = {};  // ORCPT as written, type and encoded address; or empty
};

/// What MAIL said besides the reverse-path and the size; claims, taken on trust by nobody.
struct MailClaims {
  BodyType body = BodyType::unspecified;
  bool is_smtputf8 = false;   // RFC 6531: addresses and header section may be UTF-8
  bool requires_tls = false;  // REQUIRETLS of RFC 8689
  ReturnContent return_content = ReturnContent::unspecified;
  std::optional<int8_t> priority = std::nullopt;  // MT-PRIORITY of RFC 6710, -9 to 9

  bool operator==(const MailClaims&) const = default;
};

/// Views into the session's transaction; valid for the call that takes the envelope.
struct Envelope {
  WallTime received_at;           // when mail data began
  Endpoint peer;                  // the client's address and port
  std::string_view helo;          // argument of EHLO or HELO
  std::string_view protocol;      // RFC 3848: "SMTP", "ESMTP", ...
  std::string_view reverse_path;  // without angle brackets; empty: the null reverse-path
  const RecipientList* recipients = nullptr;  // at least one
  MailClaims claims;
  std::string_view envelope_id;  // ENVID of RFC 3461 in xtext, as written; empty if absent
  uint64_t size_declared = 0;    // SIZE= of RFC 1870; 0 if absent
  Durability durability = Durability::disk;  // what its 250 is going to promise
  TlsFacts tls = {};
};

}  // namespace mailrace::core
