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
};

inline constexpr size_t kFieldHeaderBytes = 4;

/// Octets that a field with such a value takes up.
constexpr size_t field_bytes(size_t value_bytes) noexcept {
  return kFieldHeaderBytes + value_bytes;
}

/// Writes one field. Requires: target has field_bytes(value.size()), value.size() < 65536.
/// returns  octets written
size_t encode_field(std::byte* target, FieldTag tag, core::Octets value) noexcept;

/// The fixed part of an envelope, everything but the forward-paths, fits in this many octets.
inline constexpr size_t kEnvelopeHeadBytesMax = 1024;

/// Writes all fields but the forward-paths.
/// target   >= kEnvelopeHeadBytesMax octets
/// returns  octets written
size_t encode_envelope_head(core::MutableOctets target, const core::Envelope& envelope) noexcept;

/// An envelope read back; owns its texts.
struct StoredEnvelope {
  core::WallTime received_at;
  core::Endpoint peer;
  std::string helo;
  std::string protocol;
  std::string reverse_path;
  std::vector<std::string> forward_paths;
  core::BodyType body = core::BodyType::unspecified;
  std::optional<uint64_t> size_declared;
};

/// Adds the fields of one envelope record to `envelope`. Unknown tags are skipped.
/// fails   corrupt: a length that leaves the body or does not fit its tag
core::Result<void> decode_envelope(core::Octets body, StoredEnvelope& envelope);

}  // namespace mailrace::spool
