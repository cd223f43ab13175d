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
static_assert(kEnvelopeHeadBytesMax >=
              17 * kFieldHeaderBytes + 8 + kPeerHeadBytes + 16 + core::kHeloBytesMax + 16 +
                  core::kPathBytesMax + 1 + 8 + 1 + core::kEnvelopeIdXtextBytesMax + 1 +
                  core::kTlsVersionBytesMax + core::kTlsCipherBytesMax + core::kTlsGroupBytesMax +
                  core::kDomainBytesMax + core::kTlsClientBytesMax);

size_t encode_u8(std::byte* target, FieldTag tag, uint8_t value) noexcept {
  const auto octet = std::byte(value);
  return encode_field(target, tag, {&octet, 1});
}

size_t encode_u64(std::byte* target, FieldTag tag, uint64_t value) noexcept {
  std::array<std::byte, 8> octets;
  store_le(octets.data(), value);
  return encode_field(target, tag, octets);
}

size_t encode_claims(std::byte* target, const core::MailClaims& claims) noexcept {
  std::byte* at = target;
  if (claims.body != core::BodyType::unspecified) {
    at += encode_u8(at, FieldTag::body, uint8_t(claims.body));
  }
  if (claims.is_smtputf8) at += encode_field(at, FieldTag::smtputf8, {});
  if (claims.return_content != core::ReturnContent::unspecified) {
    at += encode_u8(at, FieldTag::return_content, uint8_t(claims.return_content));
  }
  if (claims.requires_tls) at += encode_field(at, FieldTag::requires_tls, {});
  if (claims.priority) at += encode_u8(at, FieldTag::priority, uint8_t(*claims.priority));
  return size_t(at - target);
}

size_t encode_tls(std::byte* target, const core::TlsFacts& tls) noexcept {
  MAILRACE_CHECK(tls.cipher.size() <= core::kTlsCipherBytesMax);
  MAILRACE_CHECK(tls.server_name.size() <= core::kDomainBytesMax);
  MAILRACE_CHECK(tls.client.size() <= core::kTlsClientBytesMax);
  std::byte* at = target;
  const auto add = [&](FieldTag tag, std::string_view text) {
    if (!text.empty()) at += encode_field(at, tag, core::as_octets(text));
  };
  add(FieldTag::tls_version, tls.version);
  add(FieldTag::tls_cipher, tls.cipher);
  add(FieldTag::tls_group, tls.group);
  add(FieldTag::tls_server_name, tls.server_name);
  add(FieldTag::tls_client, tls.client);
  return size_t(at - target);
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

core::Result<void> bad_length() { return core::fail(core::Errc::corrupt, "envelope.length"); }

// What RCPT said of the recipient that was read last.
core::Result<void> decode_recipient_field(FieldTag tag, core::Octets value,
                                          StoredEnvelope& envelope) {
  if (envelope.recipients.empty()) return core::fail(core::Errc::corrupt, "envelope.recipient");
  StoredRecipient& recipient = envelope.recipients.back();
  if (tag == FieldTag::original_recipient) {
    recipient.original_recipient = core::as_text(value);
    return {};
  }
  if (value.size() != 1) return bad_length();
  recipient.notify = core::NotifySet(value[0]);
  return {};
}

// What MAIL said.
core::Result<void> decode_claim(FieldTag tag, core::Octets value, core::MailClaims& claims) {
  const bool is_flag = tag == FieldTag::smtputf8 || tag == FieldTag::requires_tls;
  if (value.size() != (is_flag ? 0 : 1)) return bad_length();
  if (tag == FieldTag::smtputf8) claims.is_smtputf8 = true;
  if (tag == FieldTag::requires_tls) claims.requires_tls = true;
  if (tag == FieldTag::body) claims.body = core::BodyType(value[0]);
  if (tag == FieldTag::return_content) claims.return_content = core::ReturnContent(value[0]);
  if (tag == FieldTag::priority) claims.priority = int8_t(value[0]);
  return {};
}

// Under what it came in; any other field is left alone.
void decode_tls(uint8_t tag, std::string_view text, StoredTls& tls) {
  switch (tag) {
    case uint8_t(FieldTag::tls_version):
      tls.version = text;
      return;
    case uint8_t(FieldTag::tls_cipher):
      tls.cipher = text;
      return;
    case uint8_t(FieldTag::tls_group):
      tls.group = text;
      return;
    case uint8_t(FieldTag::tls_server_name):
      tls.server_name = text;
      return;
    case uint8_t(FieldTag::tls_client):
      tls.client = text;
      return;
    default:
      return;
  }
}

core::Result<void> decode_field(uint8_t tag, core::Octets value, StoredEnvelope& envelope) {
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
      envelope.recipients.emplace_back().forward_path = text;
      return {};
    case uint8_t(FieldTag::notify):
    case uint8_t(FieldTag::original_recipient):
      return decode_recipient_field(FieldTag(tag), value, envelope);
    case uint8_t(FieldTag::body):
    case uint8_t(FieldTag::smtputf8):
    case uint8_t(FieldTag::return_content):
    case uint8_t(FieldTag::requires_tls):
    case uint8_t(FieldTag::priority):
      return decode_claim(FieldTag(tag), value, envelope.claims);
    case uint8_t(FieldTag::envelope_id):
      envelope.envelope_id = text;
      return {};
    case uint8_t(FieldTag::size_declared):
      if (value.size() != 8) return bad_length();
      envelope.size_declared = load_le<uint64_t>(value.data());
      return {};
    default:
      decode_tls(tag, text, envelope.tls);
      return {};  // its field, or a later version's
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
  MAILRACE_CHECK(envelope.envelope_id.size() <= core::kEnvelopeIdXtextBytesMax);
  std::byte* at = target.data();
  at += encode_u64(at, FieldTag::received_at, uint64_t(envelope.received_at.ns));
  at += encode_peer(at, envelope.peer);
  at += encode_field(at, FieldTag::helo, core::as_octets(envelope.helo));
  at += encode_field(at, FieldTag::protocol, core::as_octets(envelope.protocol));
  at += encode_field(at, FieldTag::reverse_path, core::as_octets(envelope.reverse_path));
  at += encode_claims(at, envelope.claims);
  if (envelope.size_declared != 0) {
    at += encode_u64(at, FieldTag::size_declared, envelope.size_declared);
  }
  at += encode_tls(at, envelope.tls);
  if (!envelope.envelope_id.empty()) {
    at += encode_field(at, FieldTag::envelope_id, core::as_octets(envelope.envelope_id));
  }
  return size_t(at - target.data());
}

size_t recipient_bytes(const core::Recipient& recipient) noexcept {
  size_t bytes = field_bytes(recipient.forward_path.size());
  if (recipient.notify != core::NotifySet::unspecified) bytes += field_bytes(1);
  if (!recipient.original_recipient.empty()) {
    bytes += field_bytes(recipient.original_recipient.size());
  }
  return bytes;
}

size_t encode_recipient(std::byte* target, const core::Recipient& recipient) noexcept {
  std::byte* at = target;
  at += encode_field(at, FieldTag::forward_path, core::as_octets(recipient.forward_path));
  if (recipient.notify != core::NotifySet::unspecified) {
    at += encode_u8(at, FieldTag::notify, uint8_t(recipient.notify));
  }
  if (!recipient.original_recipient.empty()) {
    const core::Octets value = core::as_octets(recipient.original_recipient);
    at += encode_field(at, FieldTag::original_recipient, value);
  }
  return size_t(at - target);
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
    if (envelope.recipients.size() > core::kRecipientsMax) {
      return core::fail(core::Errc::corrupt, "envelope.recipients");
    }
    body = body.subspan(length);
  }
  return {};
}

}  // namespace mailrace::spool
