// SPDX-License-Identifier: GPL-3.0-or-later
// A disk in memory that fails, delays, reorders and forgets, all by seed.
#pragma once

#include "core/base/prng.h"
#include "core/port/file_io.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// Files by path, as they are on the disk.
using FileContents = std::map<std::string, std::vector<std::byte>>;

/// How often operations fail, in thousandths, and how long they take.
struct SimFaults {
  uint32_t create = 0;
  uint32_t allocate = 0;
  uint32_t write = 0;  // a third of them short writes
  uint32_t sync = 0;
  uint32_t sync_directory = 0;
  uint32_t truncate = 0;
  uint32_t no_space = 300;    // of those that fail, how many with ENOSPC; the others: EIO
  bool disk_full = false;     // nothing can be created or allocated
  bool no_fallocate = false;  // allocate is not supported
  uint32_t delay_max = 4;     // steps that an operation takes at most
};

/// Implements FileIo. Operations wait until step() or complete() ends them, in the seed's order.
///
/// What the kernel has and what is on stable storage are kept apart, in sectors of 512 octets: an
/// octet is stable once a synced write or a sync that covers it succeeded; before that each sector
/// may or may not have come down. After a failed write or sync nobody knows, and a later sync does
/// not bring back what an earlier one lost.
class SimFile final : public core::FileIo {
 public:
  enum class Kind : uint8_t {
    create,
    open,
    rename,
    allocate,
    write,
    sync,
    sync_directory,
    truncate
  };
  enum class Ending : uint8_t { good, io_error, no_space, short_write, not_supported };

  struct Operation {
    Kind kind = Kind::create;
    std::string path;     // of the file or directory
    std::string target;   // of a rename
    uint64_t offset = 0;  // of a write
    uint64_t bytes = 0;   // of a write, an allocation, the file after a truncation
    bool synced = false;
    uint64_t due_step = 0;
    core::FileOp* op = nullptr;
    std::vector<iovec> pieces;      // borrowed memory
    std::vector<std::byte> octets;  // what it held when the write began
    std::set<std::string> names;    // in the directory when its sync began
  };

  /// files   what is on the disk already
  explicit SimFile(uint64_t seed, const FileContents& files = {});
  ~SimFile() override;

  SimFaults faults;
  size_t block = 1;  // what block_bytes() says; writes that do not keep to it are violations

  size_t block_bytes() const noexcept override { return block; }

  void create(core::FileOp& op, const char* path) override;
  void open(core::FileOp& op, const char* path) override;
  void rename(core::FileOp& op, const char* from, const char* to) override;
  void allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  void write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
             uint64_t offset, bool synced) override;
  void sync(core::FileOp& op, core::FileHandle file) override;
  void sync_directory(core::FileOp& op, const char* path) override;
  void truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  void close(core::FileHandle file) override;

  /// Ends the operations that are due, in an order and with results chosen by the seed.
  void step();
  /// Ends one operation in a given way. index   below pending()
  void complete(size_t index, Ending ending = Ending::good);

  /// Another process renames a file and makes the name stable.
  void rename_now(const std::string& from, const std::string& to);

  size_t pending() const { return operations_.size(); }
  const Operation& operation(size_t index) const { return operations_[index]; }
  /// Operations that ended so far.
  uint64_t completed() const { return completed_; }
  size_t open_count() const { return open_.size(); }
  /// Files as a process sees them that reads now.
  FileContents cached() const;

  /// The power fails: what is found afterwards. Operations under way never end.
  FileContents power_cut();
  /// The process dies: the kernel keeps what it has, and may finish what it has begun.
  FileContents kill();

  /// Broken promises of the caller, e.g. borrowed memory that was changed; empty if all is well.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct File {
    std::vector<std::byte> cached;
    std::vector<std::byte> stable;
    std::set<uint64_t> dirty;  // sectors of `cached` that may or may not be stable
    std::string stable_name;   // that it has after a power cut; empty: none for sure
  };

  Operation& start(core::FileOp& op, Kind kind, std::string path);
  Ending choose_ending(const Operation& operation);
  uint32_t fault_of(Kind kind) const;
  bool chance(uint32_t thousandths) { return random_.below(1000) < thousandths; }
  File& file_of(const Operation& operation) { return *files_.at(operation.path); }
  const std::string& path_of(core::FileHandle file);

  int carry_out(Operation& operation, Ending ending);
  int carry_out_create(const Operation& operation);
  int carry_out_open(const Operation& operation);
  int carry_out_rename(const Operation& operation);
  int carry_out_write(const Operation& operation, Ending ending);
  void carry_out_sync(File& file, bool good);
  void check_borrowed(const Operation& operation);
  template <class Visit>
  static void for_each_sector(const Operation& operation, Visit&& visit);

  core::Prng random_;
  std::map<std::string, std::unique_ptr<File>> files_;
  std::map<int32_t, std::string> open_;  // handle -> path
  int32_t next_handle_ = 0;
  std::vector<Operation> operations_;
  uint64_t step_ = 0;
  uint64_t completed_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace mailrace::tests
