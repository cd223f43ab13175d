// SPDX-License-Identifier: GPL-3.0-or-later
// The envelope as fields of envelope records.
#pragma once

#include "core/base/bytes.h"
#include "core/base/ip.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/smtp/envelope.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

/// On disk: a number is never reused.
enum class FieldTag : uint8_t {
  received_at = 1,
  peer = 2,
  helo = 3,
  protocol = 4,
  reverse_path = 5,
  forward_path = 6,
  body = 7,
  size_declared = 8,
  smtputf8 = 9,
  return_content = 10,
  envelope_id = 11,
  notify = 12,              // of the forward_path before it
  original_recipient = 13,  // of the forward_path before it
  requires_tls = 14,
  priority = 15,
  tls_version = 16,
  tls_cipher = 17,
  tls_group = 18,
  tls_server_name = 19,
  tls_client = 20,
};

inline constexpr size_t kFieldHeaderBytes = 4;

/// Octets that a field with such a value takes up.
constexpr size_t field_bytes(size_t value_bytes) noexcept {
  return kFieldHeaderBytes + value_bytes;
}

/// Writes one field. Requires: target has field_bytes(value.size()), value.size() < 65536.
/// returns  octets written
size_t encode_field(std::byte* target, FieldTag tag, core::Octets value) noexcept;

/// The fixed part of an envelope, everything but the recipients, fits in this many octets.
inline constexpr size_t kEnvelopeHeadBytesMax = 1536;

/// Writes all fields but those of the recipients.
/// target   >= kEnvelopeHeadBytesMax octets
/// returns  octets written
size_t encode_envelope_head(core::MutableOctets target, const core::Envelope& envelope) noexcept;

/// Octets that a recipient's fields take up: its forward-path, then what RCPT said of it.
size_t recipient_bytes(const core::Recipient& recipient) noexcept;

/// Writes them. Requires: target has recipient_bytes(recipient).
/// returns  octets written
size_t encode_recipient(std::byte* target, const core::Recipient& recipient) noexcept;

/// The TLS that a mail came in under; all empty: none. See core::TlsFacts.
struct StoredTls {
  std::string version;
  std::string cipher;
  std::string group;
  std::string server_name;
  std::string client;

  bool operator==(const StoredTls&) const = default;
};

struct StoredRecipient {
  std::string forward_path;
  core::NotifySet notify = core::NotifySet::unspecified;
  std::string original_recipient;

  bool operator==(const StoredRecipient&) const = default;
};

/// An envelope read back; owns its texts.
struct StoredEnvelope {
  core::WallTime received_at;
  core::Endpoint peer;
  std::string helo;
  std::string protocol;
  std::string reverse_path;
  std::vector<StoredRecipient> recipients;
  core::MailClaims claims;
  std::string envelope_id;
  std::optional<uint64_t> size_declared;
  StoredTls tls;
};

/// Adds the fields of one envelope record to `envelope`. Unknown tags are skipped.
/// fails   corrupt: a length that leaves the body or does not fit its tag; a field of a recipient
///         before the first forward-path, or more of these than kRecipientsMax
core::Result<void> decode_envelope(core::Octets body, StoredEnvelope& envelope);

}  // namespace mailrace::spool
