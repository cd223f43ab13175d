// SPDX-License-Identifier: GPL-3.0-or-later
// A line costs a look at its first octet and a memchr to its end; only where it may be a Received
// field are further octets compared.
#include "core/message/header_section.h"

#include "core/base/text.h"

#include <cstring>
#include <string_view>

namespace mailrace::core {
namespace {

constexpr std::string_view kReceived = "received:";

const std::byte* find_lf(const std::byte* at, const std::byte* end) noexcept {
  return static_cast<const std::byte*>(std::memchr(at, '\n', size_t(end - at)));
}

// Whether kReceived.size() octets are the name and its colon. Bit 5 makes letters lower case, and
// of octets that are none it makes none of these letters.
bool is_received(const std::byte* at) noexcept {
  constexpr uint64_t kCaseBits = 0x2020202020202020u;
  uint64_t octets;
  uint64_t name;
  std::memcpy(&octets, at, sizeof octets);
  std::memcpy(&name, kReceived.data(), sizeof name);
  return (octets | kCaseBits) == name && char(at[8]) == ':';
}

}  // namespace

void HeaderSection::count() noexcept {
  if (received_count_ < UINT32_MAX) ++received_count_;
}

// Whole lines in one piece, up to one that is split or empty.
const std::byte* HeaderSection::skip_other_lines(const std::byte* at,
                                                 const std::byte* end) noexcept {
  while (at != end) {
    const char first = char(*at);
    if ((first | 0x20) == 'r') {
      if (size_t(end - at) < kReceived.size()) return at;
      if (is_received(at)) count();
    } else if (first == '\r' || first == '\n') {
      return at;
    }
    const std::byte* const lf = find_lf(at, end);
    if (lf == nullptr || char(lf[-1]) != '\r') {
      place_ = Place::rest;
      after_cr_ = lf == nullptr && char(end[-1]) == '\r';
      return lf == nullptr ? end : lf + 1;
    }
    at = lf + 1;
  }
  return at;
}

// Compares what begins a line; returns where the comparison ended.
const std::byte* HeaderSection::compare_name(const std::byte* at, const std::byte* end) noexcept {
  while (at != end) {
    const char octet = char(*at);
    if (to_lower(octet) != kReceived[matched_]) {
      place_ = matched_ == 0 && octet == '\r' ? Place::empty_cr : Place::rest;
      after_cr_ = false;
      return place_ == Place::empty_cr ? at + 1 : at;
    }
    ++at;
    if (++matched_ < kReceived.size()) continue;
    count();
    place_ = Place::rest;
    after_cr_ = false;
    return at;
  }
  return at;
}

// Goes to the end of the line; only CRLF is one, although a bare LF may be kept in a line.
const std::byte* HeaderSection::skip_rest(const std::byte* at, const std::byte* end) noexcept {
  const std::byte* const lf = find_lf(at, end);
  if (lf == nullptr) {
    after_cr_ = char(end[-1]) == '\r';
    return end;
  }
  const bool ends_line = lf == at ? after_cr_ : char(lf[-1]) == '\r';
  after_cr_ = false;
  if (ends_line) {
    place_ = Place::name;
    matched_ = 0;
  }
  return lf + 1;
}

void HeaderSection::feed(Octets content) noexcept {
  const std::byte* at = content.data();
  const std::byte* const end = at + content.size();
  while (at != end) {
    switch (place_) {
      case Place::name:
        if (matched_ == 0) at = skip_other_lines(at, end);
        if (place_ == Place::name) at = compare_name(at, end);
        break;
      case Place::empty_cr:
        place_ = char(*at) == '\n' ? Place::body : Place::rest;
        after_cr_ = true;
        break;
      case Place::rest:
        at = skip_rest(at, end);
        break;
      case Place::body:
        return;
    }
  }
}

}  // namespace mailrace::core
