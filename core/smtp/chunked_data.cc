// SPDX-License-Identifier: GPL-3.0-or-later
// The size is read strictly, the octets are counted off, and the dot scan looks for bare newlines.
#include "core/smtp/chunked_data.h"

#include "core/base/check.h"
#include "core/base/text.h"

#include <algorithm>

namespace mailrace::core {
namespace {

constexpr uint16_t kNoLineEnd = 0;

}  // namespace

std::optional<ChunkHeader> parse_bdat_argument(std::string_view argument) noexcept {
  const size_t digits = std::min(argument.find(' '), argument.size());
  const std::string_view size = argument.substr(0, digits);
  if (size.empty() || !std::all_of(size.begin(), size.end(), is_digit)) return std::nullopt;
  const std::string_view marker = argument.substr(digits);
  if (!marker.empty() && !equal_ignoring_case(marker, " LAST")) return std::nullopt;
  return ChunkHeader{parse_decimal(size).value_or(UINT64_MAX), !marker.empty()};
}

void ChunkedData::begin(bool is_text, BareNewline bare_newline) noexcept {
  MAILRACE_CHECK(at_end_of_chunk());
  *this = ChunkedData{};
  checked_ = is_text && bare_newline == BareNewline::reject;
  previous_ = kDotScanStart;
  scan_ = dot_scan_kernel().scan;
}

void ChunkedData::begin_chunk(uint64_t bytes, bool wanted) noexcept {
  MAILRACE_CHECK(at_end_of_chunk());
  left_ = bytes;
  wanted_ = wanted;
}

ChunkStep ChunkedData::feed(Octets input) noexcept {
  const Octets octets = input.first(size_t(std::min<uint64_t>(input.size(), left_)));
  left_ -= octets.size();
  if (!wanted_) return {octets.size(), {}};
  bytes_ += octets.size();
  if (checked_ && has_bare_newline(octets)) {
    checked_ = false;
    defect_ = DataDefect::bare_newline;
  }
  return {octets.size(), octets};
}

void ChunkedData::end() noexcept {
  MAILRACE_CHECK(at_end_of_chunk());
  if (checked_ && (previous_ & 0xff) == '\r') defect_ = DataDefect::bare_newline;
}

// The scan also stops at dots that begin a line. They mean nothing here.
bool ChunkedData::has_bare_newline(Octets octets) noexcept {
  while (!octets.empty()) {
    const size_t hit = scan_(octets, previous_);
    previous_ = dot_scan_previous(octets.first(hit), previous_);
    if (hit == octets.size()) return false;
    if (octets[hit] != std::byte{'.'} || previous_ != kDotScanStart) return true;
    previous_ = kNoLineEnd;
    octets = octets.subspan(hit + 1);
  }
  return false;
}

}  // namespace mailrace::core
