// SPDX-License-Identifier: GPL-3.0-or-later
// A Disk over a SimFile: each call is an operation that ends at once, fails by seed, or never ends
// because the power went out.
#pragma once

#include "core/base/prng.h"
#include "core/port/disk.h"
#include "tests/sim/sim_file.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tests {

/// What the kernel has and what is stable are kept apart, see SimFile. Directories are always
/// stable themselves; names in them are not. A file that is open stays what it was, whatever
/// becomes of its name.
class SimDisk final : public core::Disk {
 public:
  /// A disk of its own, that begins with these files.
  SimDisk(uint64_t seed, const FileContents& files);
  /// Another process at a disk that somebody else writes to. `files` outlives this.
  SimDisk(uint64_t seed, SimFile& files);

  uint32_t faults = 0;           // how many operations in a thousand fail
  uint64_t cut_at = UINT64_MAX;  // the operation during which the power goes out; 0: the first
  bool ignores_syncs = false;    // as if the caller had left them out

  /// Operations begun so far.
  uint64_t operations() const { return operations_; }
  bool is_cut() const { return after_cut_.has_value() || lost_power_; }
  /// What is there afterwards; without a cut so far, it comes now.
  FileContents power_cut();

  core::Result<std::vector<std::string>> list(const std::string& path) override;
  core::Result<core::FileHandle> open(const std::string& path, bool writable) override;
  void close(core::FileHandle file) override;
  core::Result<uint64_t> size(core::FileHandle file) override;
  core::Result<core::WallTime> modified_at(core::FileHandle) override { return core::WallTime{}; }
  core::Result<size_t> read(core::FileHandle file, uint64_t offset,
                            core::MutableOctets target) override;
  core::Result<void> truncate(core::FileHandle file, uint64_t bytes) override;
  core::Result<void> remove(const std::string& path) override;
  core::Result<void> rename(const std::string& from, const std::string& to) override;
  core::Result<void> link(const std::string& from, const std::string& to) override;
  core::Result<void> make_directory(const std::string&) override { return {}; }
  core::Result<core::FileHandle> create(const std::string& path) override;
  core::Result<void> write(core::FileHandle file, uint64_t offset, core::Octets octets) override;
  core::Result<void> sync(core::FileHandle file) override;
  core::Result<void> sync_directory(const std::string& path) override;

 private:
  struct Opened {
    std::shared_ptr<const SimFile::File> file;
    std::optional<core::FileHandle> inner;  // of those that can be written to
  };

  core::Result<int> finish(core::FileOp& op);
  core::Result<void> finish_void(core::FileOp& op);
  core::Result<void> finish_name(core::FileOp& op, const std::string& path);
  core::FileHandle remember(const std::string& path, std::optional<core::FileHandle> inner);
  static void on_done(core::FileOp& op, int result);

  core::Prng random_;
  std::unique_ptr<SimFile> own_;
  SimFile& files_;
  std::map<int32_t, Opened> opened_;
  int32_t next_ = 0;
  uint64_t operations_ = 0;
  int result_ = 0;
  std::optional<FileContents> after_cut_;
  bool lost_power_ = false;  // of files_; the operation that noticed it never ended
};

}  // namespace mailrace::tests
