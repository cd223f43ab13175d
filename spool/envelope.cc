// SPDX-License-Identifier: GPL-3.0-or-later
// Tag, length, value: so that later versions can add fields and earlier ones skip them.
#include "spool/envelope.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <array>
#include <cstring>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr size_t kPeerHeadBytes = 4;
static_assert(kEnvelopeHeadBytesMax >= 8 * kFieldHeaderBytes + 8 + kPeerHeadBytes + 16 +
                                           core::kHeloBytesMax + 16 + core::kPathBytesMax + 1 + 8);

size_t encode_u64(std::byte* target, FieldTag tag, uint64_t value) noexcept {
  std::array<std::byte, 8> octets;
  store_le(octets.data(), value);
  return encode_field(target, tag, octets);
}

size_t encode_peer(std::byte* target, const core::Endpoint& peer) noexcept {
  std::array<std::byte, kPeerHeadBytes + 16> octets{};
  const size_t address_bytes = peer.address.is_v4 ? 4 : 16;
  octets[0] = peer.address.is_v4 ? std::byte{4} : std::byte{6};
  store_le(octets.data() + 2, peer.port);
  std::memcpy(octets.data() + kPeerHeadBytes, peer.address.octets.data(), address_bytes);
  return encode_field(target, FieldTag::peer,
                      core::Octets(octets).first(kPeerHeadBytes + address_bytes));
}

core::Result<void> decode_peer(core::Octets value, core::Endpoint& peer) {
  const bool v4 = value.size() == kPeerHeadBytes + 4 && value[0] == std::byte{4};
  const bool v6 = value.size() == kPeerHeadBytes + 16 && value[0] == std::byte{6};
  if (!v4 && !v6) return core::fail(core::Errc::corrupt, "envelope.peer");
  peer = {};
  peer.address.is_v4 = v4;
  peer.port = load_le<uint16_t>(value.data() + 2);
  std::memcpy(peer.address.octets.data(), value.data() + kPeerHeadBytes, v4 ? 4 : 16);
  return {};
}

core::Result<void> decode_field(uint8_t tag, core::Octets value, StoredEnvelope& envelope) {
  const auto bad_length = [] { return core::fail(core::Errc::corrupt, "envelope.length"); };
  const std::string_view text = core::as_text(value);
  switch (tag) {
    case uint8_t(FieldTag::received_at):
      if (value.size() != 8) return bad_length();
      envelope.received_at.ns = int64_t(load_le<uint64_t>(value.data()));
      return {};
    case uint8_t(FieldTag::peer):
      return decode_peer(value, envelope.peer);
    case uint8_t(FieldTag::helo):
      envelope.helo = text;
      return {};
    case uint8_t(FieldTag::protocol):
      envelope.protocol = text;
      return {};
    case uint8_t(FieldTag::reverse_path):
      envelope.reverse_path = text;
      return {};
    case uint8_t(FieldTag::forward_path):
      envelope.forward_paths.emplace_back(text);
      return {};
    case uint8_t(FieldTag::body):
      if (value.size() != 1) return bad_length();
      envelope.body = core::BodyType(value[0]);
      return {};
    case uint8_t(FieldTag::size_declared):
      if (value.size() != 8) return bad_length();
      envelope.size_declared = load_le<uint64_t>(value.data());
      return {};
    default:
      return {};  // a later version's field
  }
}

}  // namespace

size_t encode_field(std::byte* target, FieldTag tag, core::Octets value) noexcept {
  MAILRACE_CHECK(value.size() <= UINT16_MAX);
  target[0] = std::byte(tag);
  target[1] = std::byte{0};
  store_le(target + 2, uint16_t(value.size()));
  if (!value.empty()) std::memcpy(target + kFieldHeaderBytes, value.data(), value.size());
  return field_bytes(value.size());
}

size_t encode_envelope_head(core::MutableOctets target, const core::Envelope& envelope) noexcept {
  MAILRACE_CHECK(target.size() >= kEnvelopeHeadBytesMax);
  MAILRACE_CHECK(envelope.helo.size() <= core::kHeloBytesMax);
  MAILRACE_CHECK(envelope.protocol.size() <= 16);
  MAILRACE_CHECK(envelope.reverse_path.size() <= core::kPathBytesMax);
  std::byte* at = target.data();
  at += encode_u64(at, FieldTag::received_at, uint64_t(envelope.received_at.ns));
  at += encode_peer(at, envelope.peer);
  at += encode_field(at, FieldTag::helo, core::as_octets(envelope.helo));
  at += encode_field(at, FieldTag::protocol, core::as_octets(envelope.protocol));
  at += encode_field(at, FieldTag::reverse_path, core::as_octets(envelope.reverse_path));
  if (envelope.body != core::BodyType::unspecified) {
    const auto body = std::byte(envelope.body);
    at += encode_field(at, FieldTag::body, {&body, 1});
  }
  if (envelope.size_declared != 0) {
    at += encode_u64(at, FieldTag::size_declared, envelope.size_declared);
  }
  return size_t(at - target.data());
}

core::Result<void> decode_envelope(core::Octets body, StoredEnvelope& envelope) {
  while (!body.empty()) {
    if (body.size() < kFieldHeaderBytes) return core::fail(core::Errc::corrupt, "envelope.field");
    const auto tag = uint8_t(body[0]);
    const size_t length = load_le<uint16_t>(body.data() + 2);
    body = body.subspan(kFieldHeaderBytes);
    if (length > body.size()) return core::fail(core::Errc::corrupt, "envelope.length");
    if (const auto decoded = decode_field(tag, body.first(length), envelope); !decoded) {
      return decoded;
    }
    if (envelope.forward_paths.size() > core::kRecipientsMax) {
      return core::fail(core::Errc::corrupt, "envelope.forward_paths");
    }
    body = body.subspan(length);
  }
  return {};
}

}  // namespace mailrace::spool
