// SPDX-License-Identifier: GPL-3.0-or-later
// Every length is the client's, so a reader never leaves its span: past the end it reads zeros and
// remembers. A hello in one record, as nearly all are, is read where it lies.
#include "core/tls/client_hello.h"

#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace mailrace::core {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRecordHeadBytes = 5;
constexpr size_t kMessageHeadBytes = 4;
constexpr size_t kRandomBytes = 32;
constexpr size_t kRecordBytesMax = 1 << 14;

enum Extension : uint32_t {
  kServerName = 0,
  kSupportedGroups = 10,
  kSignatureAlgorithms = 13,
  kSupportedVersions = 43,
};

constexpr uint8_t bit(KeyKind kind) noexcept { return uint8_t(1u << uint8_t(kind)); }
constexpr uint8_t kEcdsa = bit(KeyKind::ecdsa_p256) | bit(KeyKind::ecdsa_p384);
constexpr uint8_t kNoCertificatesGroup = 0x80;

class Reader {
 public:
  explicit Reader(Octets octets) noexcept : rest_(octets) {}

  uint32_t number(size_t octets) noexcept {
    uint32_t value = 0;
    for (const std::byte octet : take(octets)) value = value << 8 | uint32_t(octet);
    return value;
  }
  Octets take(size_t count) noexcept {
    bad_ = bad_ || count > rest_.size();
    const Octets taken = rest_.first(bad_ ? 0 : count);
    rest_ = bad_ ? Octets{} : rest_.subspan(count);
    return taken;
  }
  /// A part that begins with its length in so many octets.
  Reader part(size_t length_octets) noexcept {
    Reader part(take(number(length_octets)));
    part.bad_ = bad_;
    return part;
  }
  bool empty() const noexcept { return rest_.empty(); }
  bool bad() const noexcept { return bad_; }
  Octets rest() const noexcept { return rest_; }

 private:
  Octets rest_;
  bool bad_ = false;
};

uint8_t kinds_of_suite(uint32_t suite) noexcept {
  switch (suite) {
    case 0xc02b:  // ECDHE_ECDSA with AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305
    case 0xc02c:
    case 0xcca9:
      return kEcdsa;
    case 0xc02f:  // ECDHE_RSA
    case 0xc030:
    case 0xcca8:
      return bit(KeyKind::rsa);
    default:
      return 0;
  }
}

// In TLS 1.2 an ECDSA scheme names the hash only, so whoever knows one may be given either curve;
// groups tell which.
uint8_t kinds_of_scheme(uint32_t scheme) noexcept {
  switch (scheme) {
    case 0x0403:
      return bit(KeyKind::ecdsa_p256);
    case 0x0503:
      return bit(KeyKind::ecdsa_p384);
    case 0x0401:  // PKCS #1 v1.5 with SHA-256, SHA-384, SHA-512
    case 0x0501:
    case 0x0601:
    case 0x0804:  // PSS
    case 0x0805:
    case 0x0806:
      return bit(KeyKind::rsa);
    default:
      return 0;
  }
}

uint8_t kinds_of_group(uint32_t group) noexcept {
  switch (group) {
    case 23:
      return bit(KeyKind::ecdsa_p256);
    case 24:
      return bit(KeyKind::ecdsa_p384);
    case 29:    // X25519
    case 4588:  // X25519MLKEM768
      return kNoCertificatesGroup;
    default:
      return 0;
  }
}

// A list of numbers of two octets behind its length; what each adds is or-ed together.
template <class Kinds>
bool read_list(Reader list, uint8_t& kinds, Kinds&& kinds_of) noexcept {
  while (!list.empty()) kinds = uint8_t(kinds | kinds_of(list.number(2)));
  return !list.bad();
}

bool read_server_name(Reader names, ClientHello& hello) noexcept {
  while (!names.empty()) {
    const uint32_t type = names.number(1);
    const std::string_view name = as_text(names.part(2).rest());
    const bool is_name = type == 0 && !name.empty() && name.size() <= kDomainBytesMax &&
                         std::all_of(name.begin(), name.end(), [](char c) {
                           return is_alnum(c) || c == '-' || c == '.' || c == '_';
                         });
    if (!is_name) continue;
    std::array<char, kDomainBytesMax> lower;
    std::transform(name.begin(), name.end(), lower.begin(), to_lower);
    hello.server_name.assign({lower.data(), name.size()});
  }
  return !names.bad();
}

bool read_extension(uint32_t type, Reader body, ClientHello& hello) noexcept {
  switch (type) {
    case kServerName:
      return read_server_name(body.part(2), hello);
    case kSupportedGroups:
      hello.has_groups = true;
      return read_list(body.part(2), hello.groups, kinds_of_group);
    case kSignatureAlgorithms:
      hello.has_schemes = true;
      return read_list(body.part(2), hello.schemes, kinds_of_scheme);
    case kSupportedVersions: {
      Reader versions = body.part(1);
      while (!versions.empty()) hello.has_tls13 |= versions.number(2) == 0x0304;
      return !versions.bad();
    }
    default:
      return true;
  }
}

// message   of the handshake, without its head
HelloStatus read_message(Octets message, ClientHello& hello) noexcept {
  Reader reader(message);
  reader.take(2 + kRandomBytes);
  reader.part(1);  // session id
  if (!read_list(reader.part(2), hello.suites, kinds_of_suite)) return HelloStatus::malformed;
  reader.part(1);  // compression methods
  if (reader.bad()) return HelloStatus::malformed;
  if (reader.empty()) return HelloStatus::complete;
  Reader extensions = reader.part(2);
  while (!extensions.empty()) {
    const uint32_t type = extensions.number(2);
    if (!read_extension(type, extensions.part(2), hello)) return HelloStatus::malformed;
  }
  return reader.bad() || extensions.bad() ? HelloStatus::malformed : HelloStatus::complete;
}

}  // namespace

bool ClientHello::accepts(KeyKind kind) const noexcept {
  if (has_tls13) return (schemes & bit(kind)) != 0;
  if ((suites & bit(kind)) == 0) return false;
  if (kind == KeyKind::rsa) return true;
  return (!has_schemes || (schemes & kEcdsa) != 0) && (!has_groups || (groups & bit(kind)) != 0);
}

HelloStatus parse_client_hello(Octets stream, ClientHello& hello) noexcept {
  std::array<std::byte, kClientHelloBytesMax> joined;  // used by hellos of several records
  size_t joined_bytes = 0;
  Octets message;
  size_t wanted = kMessageHeadBytes;
  while (message.size() < wanted) {
    if (!stream.empty() && stream[0] != std::byte{kHandshakeRecord}) return HelloStatus::malformed;
    if (stream.size() > 1 && stream[1] != std::byte{3}) return HelloStatus::malformed;
    if (stream.size() < kRecordHeadBytes) return HelloStatus::incomplete;
    const size_t length = Reader(stream.subspan(3, 2)).number(2);
    if (length == 0 || length > kRecordBytesMax) return HelloStatus::malformed;
    stream = stream.subspan(kRecordHeadBytes);
    const Octets fragment = stream.first(std::min(length, stream.size()));
    stream = stream.subspan(fragment.size());
    if (message.empty() && joined_bytes == 0) {
      message = fragment;
    } else {
      if (joined_bytes == 0) {
        std::copy(message.begin(), message.end(), joined.begin());
        joined_bytes = message.size();
      }
      if (joined_bytes + fragment.size() > joined.size()) return HelloStatus::malformed;
      std::copy(fragment.begin(), fragment.end(), joined.begin() + ptrdiff_t(joined_bytes));
      joined_bytes += fragment.size();
      message = Octets(joined).first(joined_bytes);
    }
    if (!message.empty() && message[0] != std::byte{kClientHelloMessage}) {
      return HelloStatus::malformed;
    }
    if (message.size() >= kMessageHeadBytes) {
      wanted = kMessageHeadBytes + Reader(message.subspan(1, 3)).number(3);
      if (wanted > kClientHelloBytesMax) return HelloStatus::malformed;
    }
    if (message.size() < wanted && fragment.size() < length) return HelloStatus::incomplete;
  }
  hello = {};
  return read_message(message.subspan(kMessageHeadBytes, wanted - kMessageHeadBytes), hello);
}

}  // namespace mailrace::core
