// SPDX-License-Identifier: GPL-3.0-or-later
// The Disk of a real machine, with blocking system calls.
#pragma once

#include "core/port/disk.h"
#include "tools/lib/read_trimmer.h"

#include <map>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Files by descriptor. Opens regular files only, and no symbolic link in place of one. Of segments
/// that are only read, the page cache is left little; see ReadTrimmer. Belongs to one thread.
class PosixDisk : public core::Disk {
 public:
  core::Result<std::vector<std::string>> list(const std::string& path) override;
  core::Result<core::FileHandle> open(const std::string& path, bool writable) override;
  void close(core::FileHandle file) override;
  core::Result<uint64_t> size(core::FileHandle file) override;
  core::Result<size_t> read(core::FileHandle file, uint64_t offset,
                            core::MutableOctets target) override;
  core::Result<void> truncate(core::FileHandle file, uint64_t bytes) override;
  core::Result<void> remove(const std::string& path) override;
  core::Result<void> rename(const std::string& from, const std::string& to) override;
  core::Result<void> link(const std::string& from, const std::string& to) override;
  core::Result<core::WallTime> modified_at(core::FileHandle file) override;
  core::Result<void> make_directory(const std::string& path) override;
  core::Result<core::FileHandle> create(const std::string& path) override;
  core::Result<void> write(core::FileHandle file, uint64_t offset, core::Octets octets) override;
  core::Result<void> sync(core::FileHandle file) override;
  core::Result<void> sync_directory(const std::string& path) override;

 private:
  std::map<int, ReadTrimmer> trimmers_;  // by descriptor, of segments that are only read
};

}  // namespace mailrace::tools
