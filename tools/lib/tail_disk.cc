// SPDX-License-Identifier: GPL-3.0-or-later
// What somebody has seen on the disk must not vanish: a write that is there may not be among what
// the server shares for a moment. So a segment does not end before the last octet that was read of
// it from the disk.
#include "tools/lib/tail_disk.h"

#include "core/base/limits.h"
#include "spool/segment.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace mailrace::tools {

core::Result<core::FileHandle> TailDisk::open(const std::string& path, bool writable) {
  auto file = PosixDisk::open(path, writable);
  if (!file || writable || !path.starts_with(spool_ + "/")) return file;
  const std::string_view inside = std::string_view(path).substr(spool_.size() + 1);
  const size_t slash = inside.find('/');
  if (slash == std::string_view::npos) return file;
  const auto worker = spool::parse_worker_directory_name(inside.substr(0, slash));
  const auto number = spool::parse_segment_file_name(inside.substr(slash + 1));
  if (worker && number) files_[file->index] = {*worker, *number};
  return file;
}

void TailDisk::close(core::FileHandle file) {
  files_.erase(file.index);
  PosixDisk::close(file);
}

core::Result<size_t> TailDisk::read(core::FileHandle file, uint64_t offset,
                                    core::MutableOctets target) {
  const auto found = files_.find(file.index);
  if (found == files_.end()) return PosixDisk::read(file, offset, target);
  const Segment segment = found->second;
  const auto tail = tails_.of(segment.worker);
  const auto extent = tail ? tail->find(segment.number) : std::nullopt;
  if (!extent || was_seen_past(segment, extent->end))
    return read_disk(file, segment, offset, target);

  const size_t bytes =
      offset < extent->end ? size_t(std::min<uint64_t>(target.size(), extent->end - offset)) : 0;
  // Whoever is told that nothing follows believes it.
  if (bytes < target.size() && !tails_.is_alive()) return read_disk(file, segment, offset, target);
  const size_t old =
      offset < extent->begin ? size_t(std::min<uint64_t>(bytes, extent->begin - offset)) : 0;
  const core::MutableOctets wanted = target.first(bytes);
  if (!tail->copy(*extent, offset + old, wanted.subspan(old))) {
    return PosixDisk::read(file, offset, wanted);
  }
  if (old == 0) return bytes;
  const auto read = PosixDisk::read(file, offset, wanted.first(old));
  if (!read || *read < old) return read;
  return bytes;
}

core::Result<size_t> TailDisk::read_disk(core::FileHandle file, const Segment& segment,
                                         uint64_t offset, core::MutableOctets target) {
  const auto read = PosixDisk::read(file, offset, target);
  if (!read) return read;
  // A reader is in one segment, and looks at the start of some that follow.
  const Segment before{segment.worker,
                       segment.number - std::min(segment.number, core::kTailSegmentsSeenMax)};
  seen_.erase(seen_.lower_bound({segment.worker, 0}), seen_.lower_bound(before));
  uint64_t& seen = seen_[segment];
  seen = std::max(seen, offset + *read);
  return read;
}

// The start of one that has only a head is looked at again and again; nobody took mail from that.
bool TailDisk::was_seen_past(const Segment& segment, uint64_t end) const {
  const auto found = seen_.find(segment);
  if (found == seen_.end()) return false;
  constexpr uint64_t kStart = spool::kSegmentHeadBytes + core::kRecordHeaderBytes;
  return found->second > std::max(end, kStart);
}

}  // namespace mailrace::tools
