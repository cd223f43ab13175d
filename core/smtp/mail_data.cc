// SPDX-License-Identifier: GPL-3.0-or-later
// The kernels find what a bulk copy must not step over; this file says what it means.
#include "core/smtp/mail_data.h"

#include "core/base/check.h"

#include <cstring>

namespace mailrace::core {
namespace {

constexpr std::byte kCr{'\r'};
constexpr std::byte kLf{'\n'};
constexpr std::byte kDot{'.'};
constexpr uint16_t kLfDot = '\n' << 8 | '.';
constexpr uint16_t kNoLineEnd = 0;
constexpr uint16_t kDotCr = '.' << 8 | '\r';

// How much of CRLF.CRLF the octets so far have matched, one octet further.
uint8_t match_end(uint8_t matched, std::byte octet) noexcept {
  constexpr std::byte kEnd[] = {kCr, kLf, kDot, kCr, kLf};
  if (octet == kEnd[matched]) return uint8_t(matched + 1);
  return octet == kCr ? 1 : 0;
}

}  // namespace

void MailData::begin(uint64_t bytes_max, BareNewline bare_newline) noexcept {
  *this = MailData{};
  bare_newline_ = bare_newline;
  previous_ = kDotScanStart;
  bytes_max_ = bytes_max;
  scan_ = dot_scan_kernel().scan;
}

MailDataStep MailData::feed(Octets input) noexcept {
  MAILRACE_DCHECK(!input.empty());
  switch (state_) {
    case State::text:
      return feed_text(input);
    case State::dot:
    case State::dot_cr:
      return feed_dot(input);
    case State::swallow:
      break;
  }
  return swallow(input);
}

MailDataStep MailData::feed_text(Octets input) noexcept {
  size_t hit = scan_(input, previous_);
  if (hit < input.size() && bare_newline_ == BareNewline::keep) {
    hit = scan_over_bare_newlines(input, hit);
  }
  const Octets clean = input.first(hit);
  previous_ = dot_scan_previous(clean, previous_);
  if (hit == input.size()) return take(input, clean, hit);
  if (input[hit] == kDot && previous_ == kDotScanStart) {
    state_ = State::dot;
    return take(input, clean, hit + 1);
  }
  // A bare CR that ends a piece is content before it is known to be bare. So it counts in the
  // middle of a piece too: whether the limit is met first must not hang on the split.
  const bool cr_here = input[hit] == kCr && (previous_ & 0xff) != '\r';
  const size_t before = hit + (cr_here ? 1 : 0);
  const bool fits = before <= bytes_max_ - bytes_;
  bytes_ = fits ? bytes_ + before : bytes_max_;
  return spoil(fits ? DataDefect::bare_newline : DataDefect::too_large, input, hit);
}

// The next hit, from `hit` on, that is a dot at the start of a line; `previous_` stays the input's.
size_t MailData::scan_over_bare_newlines(Octets input, size_t hit) noexcept {
  uint16_t previous = dot_scan_previous(input.first(hit), previous_);
  // The hit is a bare CR or LF; or the octet behind a CR that ended the input before and was bare.
  bool is_bare = hit > 0 || (previous_ & 0xff) != '\r';
  while (hit < input.size() && !(input[hit] == kDot && previous == kDotScanStart)) {
    // The scan goes on behind it, or with that octet. It must not hear of the CR that waits for its
    // LF in vain, so from here on every hit is bare.
    if (is_bare) ++hit;
    is_bare = true;
    hit += scan_(input.subspan(hit), kNoLineEnd);
    previous = dot_scan_previous(input.first(hit), kNoLineEnd);
  }
  return hit;
}

MailDataStep MailData::feed_dot(Octets input) noexcept {
  const std::byte next = input[0];
  if (state_ == State::dot) {
    if (next == kCr) {
      state_ = State::dot_cr;
      return {1, {}, false};
    }
    // A stuffed dot: it is gone, and what follows is in the middle of a line.
    state_ = State::text;
    previous_ = kLfDot;
    return feed_text(input);
  }
  if (next == kLf) return {1, {}, true};
  // ".<CR>" and no LF: the CR is content, and a bare one, which the scan will find.
  static constexpr std::byte kHeldCr[] = {kCr};
  state_ = State::text;
  previous_ = kDotCr;
  return take(input, kHeldCr, 0);
}

// Counts content; one octet over the limit spoils the mail.
MailDataStep MailData::take(Octets input, Octets content, size_t consumed) noexcept {
  if (content.size() > bytes_max_ - bytes_) {
    bytes_ = bytes_max_;
    return spoil(DataDefect::too_large, input, consumed);
  }
  bytes_ += content.size();
  return {consumed, content, false};
}

// From here on only the true end counts; what was just seen may already be a part of it.
MailDataStep MailData::spoil(DataDefect defect, Octets input, size_t consumed) noexcept {
  if (state_ == State::dot) {
    matched_ = 3;
  } else if (previous_ == kDotScanStart) {
    matched_ = 2;
  } else {
    matched_ = (previous_ & 0xff) == '\r' ? 1 : 0;
  }
  defect_ = defect;
  state_ = State::swallow;
  MailDataStep step = swallow(input.subspan(consumed));
  step.consumed += consumed;
  return step;
}

MailDataStep MailData::swallow(Octets input) noexcept {
  size_t at = 0;
  while (at < input.size()) {
    if (matched_ == 0) {
      const void* const cr = std::memchr(input.data() + at, '\r', input.size() - at);
      if (cr == nullptr) return {input.size(), {}, false};
      at = size_t(static_cast<const std::byte*>(cr) - input.data());
    }
    matched_ = match_end(matched_, input[at]);
    ++at;
    if (matched_ == 5) return {at, {}, true};
  }
  return {at, {}, false};
}

}  // namespace mailrace::core
