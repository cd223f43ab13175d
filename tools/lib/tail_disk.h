// SPDX-License-Identifier: GPL-3.0-or-later
// The Disk of a consumer that follows a spool: what the server wrote last comes out of its memory.
#pragma once

#include "tools/lib/posix_disk.h"
#include "tools/lib/shared_tails.h"

#include <cstdint>
#include <map>
#include <string>

namespace mailrace::tools {

/// A PosixDisk for which a segment of a running server ends where its octets have landed, instead
/// of where its file does: who reads on there asks no disk. For readers that come again; who wants
/// to judge what is on the disk takes a PosixDisk.
class TailDisk final : public PosixDisk {
 public:
  explicit TailDisk(std::string spool) : spool_(std::move(spool)), tails_(spool_) {}

  /// Looks for a server, if there was none. To be called now and then.
  void look_for_server() { tails_.connect(); }

  core::Result<core::FileHandle> open(const std::string& path, bool writable) override;
  void close(core::FileHandle file) override;
  core::Result<size_t> read(core::FileHandle file, uint64_t offset,
                            core::MutableOctets target) override;

 private:
  struct Segment {
    uint32_t worker = 0;
    uint64_t number = 0;
    auto operator<=>(const Segment&) const = default;
  };
  core::Result<size_t> read_disk(core::FileHandle file, const Segment& segment, uint64_t offset,
                                 core::MutableOctets target);
  bool was_seen_past(const Segment& segment, uint64_t end) const;

  std::string spool_;
  SharedTails tails_;
  std::map<int, Segment> files_;  // by descriptor
  std::map<Segment, uint64_t> seen_;  // up to where the disk was asked
};

}  // namespace mailrace::tools
