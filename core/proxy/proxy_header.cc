// SPDX-License-Identifier: GPL-3.0-or-later
// What has a fixed size is gathered and then read at once; what has not is skipped as it comes.
#include "core/proxy/proxy_header.h"

#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/text.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace mailrace::core {
namespace {

constexpr std::string_view kLineStart = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

constexpr size_t kFixedBytes = 16;  // signature, version and command, family, length
constexpr size_t kAddressBytesV4 = 2 * 4 + 2 * 2;
constexpr size_t kAddressBytesV6 = 2 * 16 + 2 * 2;
constexpr size_t kAddressBytesUnix = 2 * 108;
constexpr size_t kTlvHeadBytes = 3;
constexpr uint8_t kTypeCrc32c = 0x03;
constexpr size_t kCrc32cBytes = 4;
static_assert(kAddressBytesV6 <= kProxyLineBytesMax);
static_assert(kFixedBytes + kAddressBytesUnix <= kProxyHeaderBytesMax);

uint16_t load_be16(const std::byte* source) noexcept {
  return uint16_t(uint16_t(source[0]) << 8 | uint16_t(source[1]));
}

uint32_t load_be32(const std::byte* source) noexcept {
  return uint32_t{load_be16(source)} << 16 | load_be16(source + 2);
}

// --- version 1 -----------------------------------------------------------------------------------

// Takes the text up to the next blank and the blank; nothing if there is none.
std::optional<std::string_view> take_word(std::string_view& text) noexcept {
  const size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(blank + 1);
  return word;
}

// inet_pton() takes exactly what the protocol asks for: four numbers without leading zeros, or
// groups of hexadecimal digits; it also takes IPv6 with a dotted tail, which the protocol has not.
std::optional<IpAddress> read_address(std::string_view word, bool is_v4) noexcept {
  if (!is_v4 && word.find('.') != std::string_view::npos) return std::nullopt;
  const auto address = parse_ip_address(word);
  return address && address->is_v4 == is_v4 ? address : std::nullopt;
}

std::optional<uint16_t> read_port(std::string_view word) noexcept {
  const bool padded = word.size() > 1 && word.front() == '0';
  const auto value = parse_decimal(word);
  if (!value || padded || *value > UINT16_MAX) return std::nullopt;
  return uint16_t(*value);
}

// Source and destination address, source and destination port, one blank between them.
bool read_endpoints(std::string_view text, bool is_v4, Endpoint& source,
                    Endpoint& destination) noexcept {
  const auto source_word = take_word(text);
  const auto destination_word = take_word(text);
  const auto port_word = take_word(text);
  if (!source_word || !destination_word || !port_word) return false;
  const auto source_address = read_address(*source_word, is_v4);
  const auto destination_address = read_address(*destination_word, is_v4);
  const auto source_port = read_port(*port_word);
  const auto destination_port = read_port(text);
  if (!source_address || !destination_address || !source_port || !destination_port) return false;
  source = {*source_address, *source_port};
  destination = {*destination_address, *destination_port};
  return true;
}

}  // namespace

size_t ProxyHeader::feed(Octets input) noexcept {
  MAILRACE_CHECK(status_ == ProxyStatus::incomplete);
  size_t used = 0;
  while (used < input.size() && status_ == ProxyStatus::incomplete) {
    if (state_ == State::skipped || state_ == State::tlv_value) {
      used += skip(input.subspan(used));
    } else {
      take(input[used++]);
    }
  }
  return used;
}

void ProxyHeader::take(std::byte octet) noexcept {
  octets_[size_++] = octet;
  if (state_ == State::start) return take_start();
  if (state_ == State::line) return take_line();
  if (size_ < wanted_) return;
  switch (state_) {
    case State::fixed:
      return read_fixed();
    case State::addresses:
      return read_addresses();
    case State::tlv_head:
      return read_tlv_head();
    case State::tlv_crc32c: {
      checksum_said_ = load_be32(octets_.data());
      constexpr std::byte kZeros[kCrc32cBytes] = {};
      add_to_checksum(kZeros);
      return begin_tlvs();
    }
    case State::start:
    case State::line:
    case State::skipped:
    case State::tlv_value:
      break;
  }
  MAILRACE_CHECK(false);  // a state that gathers nothing
}

// Each octet must go on with one of the two beginnings, so that nobody waits for the rest of
// something else.
void ProxyHeader::take_start() noexcept {
  const std::string_view text = as_text(Octets(octets_).first(size_));
  if (kLineStart.starts_with(text)) {
    if (size_ == kLineStart.size()) state_ = State::line;
  } else if (kSignature.starts_with(text)) {
    wanted_ = kFixedBytes;
    if (size_ == kSignature.size()) state_ = State::fixed;
  } else {
    fail(ProxyDefect::signature);
  }
}

void ProxyHeader::take_line() noexcept {
  const bool ended = octets_[size_ - 1] == std::byte{'\n'};
  if (ended) return read_line();
  if (size_ == kProxyLineBytesMax) fail(ProxyDefect::line);
}

void ProxyHeader::read_line() noexcept {
  std::string_view text = as_text(Octets(octets_).first(size_)).substr(kLineStart.size());
  if (!text.ends_with("\r\n")) return fail(ProxyDefect::line);
  text.remove_suffix(2);
  // A CR within the line would end it for other readers.
  if (text.find('\r') != std::string_view::npos) return fail(ProxyDefect::line);
  if (text == "UNKNOWN" || text.starts_with("UNKNOWN ")) {
    status_ = ProxyStatus::local;
    return;
  }
  const auto family = take_word(text);
  const bool is_v4 = family == "TCP4";
  if (!is_v4 && family != "TCP6") return fail(ProxyDefect::line);
  if (!read_endpoints(text, is_v4, source_, destination_)) return fail(ProxyDefect::line);
  status_ = ProxyStatus::proxied;
}

// --- version 2 -----------------------------------------------------------------------------------

void ProxyHeader::read_fixed() noexcept {
  const auto command = uint8_t(octets_[12]);
  const auto family = uint8_t(octets_[13]) >> 4;
  const auto transport = uint8_t(octets_[13]) & 0xf;
  left_ = load_be16(octets_.data() + 14);
  if (command != 0x20 && command != 0x21) return fail(ProxyDefect::command);
  if (kFixedBytes + left_ > kProxyHeaderBytesMax) return fail(ProxyDefect::length);
  add_to_checksum(Octets(octets_).first(kFixedBytes));

  // LOCAL: the whole block is to be skipped, its family ignored.
  const bool is_local = command == 0x20;
  if (!is_local && (family > 3 || transport > 2)) return fail(ProxyDefect::command);
  if (is_local || family == 0 || transport == 0) {
    wanted_ = std::exchange(left_, 0);
    state_ = State::skipped;
    if (wanted_ == 0) status_ = ProxyStatus::local;
    return;
  }
  constexpr size_t kAddressBytes[] = {0, kAddressBytesV4, kAddressBytesV6, kAddressBytesUnix};
  const size_t address_bytes = kAddressBytes[family];
  if (left_ < address_bytes) return fail(ProxyDefect::length);
  left_ -= uint32_t(address_bytes);
  wanted_ = address_bytes;
  size_ = 0;
  // Only a TCP stream can bring us mail: what else the addresses say is not our client's.
  meaning_ = family == 3 || transport == 2 ? ProxyStatus::local : ProxyStatus::proxied;
  state_ = family == 3 ? State::tlv_value : State::addresses;
}

void ProxyHeader::read_addresses() noexcept {
  const bool is_v4 = wanted_ == kAddressBytesV4;
  const size_t bytes = is_v4 ? 4 : 16;
  const std::byte* at = octets_.data();
  for (Endpoint* endpoint : {&source_, &destination_}) {
    endpoint->address.is_v4 = is_v4;
    std::memcpy(endpoint->address.octets.data(), at, bytes);
    at += bytes;
  }
  source_.port = load_be16(at);
  destination_.port = load_be16(at + 2);
  add_to_checksum(Octets(octets_).first(wanted_));
  begin_tlvs();
}

// The next TLV, or the end.
void ProxyHeader::begin_tlvs() noexcept {
  if (left_ == 0) return finish_tlvs();
  if (left_ < kTlvHeadBytes) return fail(ProxyDefect::parameters);
  left_ -= uint32_t(kTlvHeadBytes);
  wanted_ = kTlvHeadBytes;
  size_ = 0;
  state_ = State::tlv_head;
}

void ProxyHeader::read_tlv_head() noexcept {
  const auto type = uint8_t(octets_[0]);
  const uint32_t length = load_be16(octets_.data() + 1);
  add_to_checksum(Octets(octets_).first(kTlvHeadBytes));
  if (length > left_) return fail(ProxyDefect::parameters);
  left_ -= length;
  wanted_ = length;
  size_ = 0;
  if (type == kTypeCrc32c) {
    if (length != kCrc32cBytes || std::exchange(has_checksum_, true)) {
      return fail(ProxyDefect::parameters);
    }
    state_ = State::tlv_crc32c;
    return;
  }
  state_ = State::tlv_value;
  if (length == 0) begin_tlvs();
}

void ProxyHeader::finish_tlvs() noexcept {
  if (has_checksum_ && checksum_ != checksum_said_) return fail(ProxyDefect::checksum);
  status_ = meaning_;
}

size_t ProxyHeader::skip(Octets input) noexcept {
  const size_t size = std::min(input.size(), wanted_);
  add_to_checksum(input.first(size));
  wanted_ -= size;
  if (wanted_ > 0) return size;
  if (state_ == State::skipped) {
    status_ = ProxyStatus::local;
  } else {
    begin_tlvs();
  }
  return size;
}

void ProxyHeader::add_to_checksum(Octets octets) noexcept { checksum_ = crc32c(checksum_, octets); }

void ProxyHeader::fail(ProxyDefect defect) noexcept {
  status_ = ProxyStatus::invalid;
  defect_ = defect;
}

std::string_view proxy_defect_name(ProxyDefect defect) noexcept {
  switch (defect) {
    case ProxyDefect::none:
      return "";
    case ProxyDefect::signature:
      return "signature";
    case ProxyDefect::line:
      return "line";
    case ProxyDefect::command:
      return "command";
    case ProxyDefect::length:
      return "length";
    case ProxyDefect::parameters:
      return "parameters";
    case ProxyDefect::checksum:
      return "checksum";
  }
  return "";
}

}  // namespace mailrace::core
