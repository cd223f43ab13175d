// SPDX-License-Identifier: GPL-3.0-or-later
// Whole lines in a row: the processor gathers them in buffers of its own, and writes each at once.
#include "core/base/streaming_copy.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mailrace::core {

#if defined(__SSE2__)

namespace {

constexpr size_t kLine = 64;

// target   at the start of a line
void copy_line(std::byte* target, const std::byte* source) noexcept {
  auto* const to = reinterpret_cast<__m128i*>(target);
  const auto* const from = reinterpret_cast<const __m128i*>(source);
  const __m128i first = _mm_loadu_si128(from);
  const __m128i second = _mm_loadu_si128(from + 1);
  const __m128i third = _mm_loadu_si128(from + 2);
  const __m128i fourth = _mm_loadu_si128(from + 3);
  _mm_stream_si128(to, first);
  _mm_stream_si128(to + 1, second);
  _mm_stream_si128(to + 2, third);
  _mm_stream_si128(to + 3, fourth);
}

}  // namespace

void streaming_copy(std::byte* target, Octets source) noexcept {
  const size_t behind_line = reinterpret_cast<uintptr_t>(target) % kLine;
  const size_t before = std::min(source.size(), behind_line == 0 ? 0 : kLine - behind_line);
  if (before > 0) std::memcpy(target, source.data(), before);
  size_t at = before;
  for (; source.size() - at >= kLine; at += kLine) copy_line(target + at, source.data() + at);
  if (at < source.size()) std::memcpy(target + at, source.data() + at, source.size() - at);
}

void end_streaming() noexcept { _mm_sfence(); }  // these stores keep no order with others

#else

void streaming_copy(std::byte* target, Octets source) noexcept {
  if (!source.empty()) std::memcpy(target, source.data(), source.size());
}

void end_streaming() noexcept {}

#endif

}  // namespace mailrace::core
