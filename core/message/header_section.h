// SPDX-License-Identifier: GPL-3.0-or-later
// Counts trace fields while the header section of a mail streams by.
#pragma once

#include "core/base/bytes.h"

#include <cstdint>

namespace mailrace::core {

/// The header section: lines up to the first empty one. It keeps where in a line the stream is and
/// a count, nothing of the content; once the body has begun there is nothing left to do.
/// source: RFC 5322 section 2.1, section 2.2, section 3.6.7; RFC 5321 section 6.3
class HeaderSection {
 public:
  /// Begins a new mail.
  void begin() noexcept { *this = HeaderSection{}; }

  /// Whether the body has not begun yet: only then feed() needs to be called.
  bool is_open() const noexcept { return place_ != Place::body; }

  /// Goes on with `content`, split anywhere.
  void feed(Octets content) noexcept;

  /// Received fields so far, whatever the case of the name; at most 2^32-1.
  uint32_t received_count() const noexcept { return received_count_; }

 private:
  enum class Place : uint8_t {
    name,      // matched_ octets of "Received:" came since the line began
    empty_cr,  // behind a CR that began the line
    rest,      // anywhere else in a line
    body,
  };

  void count() noexcept;
  const std::byte* skip_other_lines(const std::byte* at, const std::byte* end) noexcept;
  const std::byte* compare_name(const std::byte* at, const std::byte* end) noexcept;
  const std::byte* skip_rest(const std::byte* at, const std::byte* end) noexcept;

  Place place_ = Place::name;
  uint8_t matched_ = 0;
  bool after_cr_ = false;  // the octet before is a CR
  uint32_t received_count_ = 0;
};

}  // namespace mailrace::core
