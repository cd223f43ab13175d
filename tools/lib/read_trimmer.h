// SPDX-License-Identifier: GPL-3.0-or-later
// What a reader has in the page cache of one file: read ahead, kept for a while, dropped.
#pragma once

#include <cstdint>
#include <optional>

namespace mailrace::tools {

/// Decides alone what is read ahead: the kernel's own idea of it reaches up to 8 MiB beyond the
/// position, into octets that a writer is about to write past the page cache. Each such write would
/// have to take them out again, on a helper thread, and they would be read twice.
/// Of what was read, kCachedBytesMax behind the position are kept for whoever reads the same a
/// moment later. What somebody else has in the cache further away is left alone.
class ReadTrimmer {
 public:
  struct Range {
    uint64_t offset = 0;
    uint64_t bytes = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };

  /// What to read ahead behind a read of octets offset..offset+bytes.
  std::optional<Range> ahead(uint64_t offset, uint64_t bytes) noexcept;

  /// Octets offset..offset+bytes were read. returns   what is to be dropped now
  std::optional<Range> note(uint64_t offset, uint64_t bytes) noexcept;

  /// What is left, when nothing more is read: with what may have been read ahead.
  std::optional<Range> rest() const noexcept;

 private:
  uint64_t begin_ = 0;  // begin_..end_ is kept; both of whole blocks
  uint64_t end_ = 0;
  bool trimmed_ = false;     // since the last jump
  bool read_ahead_ = false;  // likewise
};

}  // namespace mailrace::tools
