// SPDX-License-Identifier: GPL-3.0-or-later
// A segment: its file name and its head.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mailrace::spool {

/// Where the records begin; a whole block, so that they can be written through aligned blocks.
inline constexpr size_t kSegmentHeadBytes = 4096;

/// The format version that is written. Version 1 had no salt, version 2 no footers.
inline constexpr uint32_t kSegmentVersion = 3;

/// The first octets of a segment. source: spool/FORMAT.md, "Segment"
struct SegmentHead {
  uint64_t generation = 0;  // the segment's number
  uint32_t worker = 0;
  int64_t created_at_ns = 0;
  uint64_t capacity = 0;               // octets allocated for the file
  uint64_t salt = 0;                   // of the spool; 0: format version 1
  uint64_t mail_id_floor = 0;          // no mail id up to this one may be given out again
  uint32_t version = kSegmentVersion;  // of the format; without a salt always 1
};

/// Writes the head and zeros behind it. Requires: target.size() == kSegmentHeadBytes.
void encode_segment_head(core::MutableOctets target, const SegmentHead& head) noexcept;

/// octets   the first kSegmentHeadBytes of the file, or fewer if it ends before
/// fails    torn_tail: too short or all zeros, the head was never written; corrupt; unsupported: a
///          format version that is not ours
core::Result<SegmentHead> decode_segment_head(core::Octets octets) noexcept;

/// The longest of the names of segments.
inline constexpr size_t kSegmentNameBytes = 24;

/// "worker-0003"
std::string worker_directory_name(uint32_t worker);
/// The number in such a name.
std::optional<uint32_t> parse_worker_directory_name(std::string_view name) noexcept;

/// "000000000000002a.segment"
std::string segment_file_name(uint64_t number);
/// The same behind `target`, which allocates nothing if it has room for kSegmentNameBytes more.
void append_segment_file_name(std::string& target, uint64_t number);
std::optional<uint64_t> parse_segment_file_name(std::string_view name) noexcept;

/// "000000000000002a.free": a segment that waits to be used again. Nobody reads it.
std::string free_file_name(uint64_t number);
void append_free_file_name(std::string& target, uint64_t number);
std::optional<uint64_t> parse_free_file_name(std::string_view name) noexcept;

}  // namespace mailrace::spool
