// SPDX-License-Identifier: GPL-3.0-or-later
// A disk in memory that fails, delays, reorders and forgets, all by seed.
#pragma once

#include "core/base/limits.h"
#include "core/base/prng.h"
#include "core/port/file_io.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// Files by path, as they are on the disk.
using FileContents = std::map<std::string, std::vector<std::byte>>;

/// A block of a file that holds these octets cannot be read, only written. So it stays bad in
/// whatever is copied from the disk, and under each name that its file is given.
core::Octets unreadable_block();

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
/// not bring back what an earlier one lost. A change of a name is stable once a sync of its
/// directory that began later succeeded; before that each change, as a whole, may or may not have
/// come down.
class SimFile final : public core::FileIo {
 public:
  enum class Kind : uint8_t {
    create,
    open,
    rename,
    link,
    remove,
    allocate,
    write,
    sync,
    sync_directory,
    truncate,
    drop_cached
  };
  enum class Ending : uint8_t { good, io_error, no_space, short_write, not_supported };

  /// A file, whatever names it has.
  struct File {
    std::vector<std::byte> cached;
    std::vector<std::byte> stable;
    std::set<uint64_t> dirty;  // sectors of `cached` that may or may not be stable
  };

  struct Operation {
    Kind kind = Kind::create;
    std::string path;            // of the file or directory
    std::string target;          // of a rename or link
    std::shared_ptr<File> file;  // of those that have an open one
    core::FileHandle handle;     // likewise
    uint64_t offset = 0;         // of a write, of what is dropped
    uint64_t bytes = 0;          // likewise; of an allocation, the file after a truncation
    bool write_back = false;     // before it is dropped
    bool synced = false;
    bool data_only = false;  // of a sync
    uint64_t due_step = 0;
    core::FileOp* op = nullptr;
    std::vector<iovec> pieces;                           // borrowed memory
    std::vector<std::byte> octets;                       // what it held when the write began
    std::map<uint64_t, std::vector<std::byte>> sectors;  // dirty ones when a sync began
    uint64_t changes = 0;  // of names that had happened when a directory's sync began
  };

  /// files   what is on the disk already
  explicit SimFile(uint64_t seed, const FileContents& files = {});
  ~SimFile() override;

  SimFaults faults;
  uint64_t power_until = UINT64_MAX;      // so many operations end, then the power is out
  std::function<void()> after_operation;  // called behind each that ended
  size_t block = 1;  // what block_bytes() says; writes that do not keep to it are violations
  bool through_cache = true;  // what is_cached() says
  bool idle = false;          // what is_idle() says

  size_t block_bytes() const noexcept override { return block; }
  bool is_cached() const noexcept override { return through_cache; }
  bool is_idle() const noexcept override { return idle; }
  void bypass_cache() {
    block = core::kBlockBytes;
    through_cache = false;
  }

  void create(core::FileOp& op, const char* path) override;
  void open(core::FileOp& op, const char* path) override;
  void rename(core::FileOp& op, const char* from, const char* to) override;
  void allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  std::byte* take_buffer() noexcept override;
  void give_buffer(std::byte* buffer) noexcept override;
  void write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
             uint64_t offset, bool synced) override;
  void sync(core::FileOp& op, core::FileHandle file) override;
  void sync_data(core::FileOp& op, core::FileHandle file) override;
  void sync_directory(core::FileOp& op, const char* path) override;
  int check_name(core::FileHandle file, const char* path) const noexcept override;
  void truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) override;
  void drop_cached(core::FileOp& op, core::FileHandle file, uint64_t offset, uint64_t bytes,
                   bool write_back) override;
  void close(core::FileHandle file) override;

  // What a worker never does, but other processes do.
  void link(core::FileOp& op, const char* from, const char* to);
  void remove(core::FileOp& op, const char* path);

  /// Ends the operations that are due, in an order and with results chosen by the seed.
  void step();
  /// Ends one operation in a given way. index   below pending()
  void complete(size_t index, Ending ending = Ending::good);

  /// Whoever started the newest operation goes away; it is under way for ever.
  void orphan_newest() { operations_.back().op = nullptr; }
  /// Another process renames a file and makes the names in its directory stable.
  void rename_now(const std::string& from, const std::string& to);
  /// Another process removes a file, for good. Who has it open has it still.
  void remove_now(const std::string& path);
  /// The same for a directory and all files in it. Nothing can be made in it until there is another
  /// one under its name.
  void remove_directory_now(const std::string& path);
  void make_directory_now(const std::string& path) { missing_.erase(path); }
  /// Octets of a file become others, nobody knows how.
  void damage_now(const std::string& path, uint64_t offset, core::Octets octets);

  /// Buffers that are out.
  size_t buffers_out() const { return buffers_.size(); }
  size_t pending() const { return operations_.size(); }
  const Operation& operation(size_t index) const { return operations_[index]; }
  /// Operations that ended so far.
  uint64_t completed() const { return completed_; }
  size_t open_count() const { return open_.size(); }
  bool is_off() const { return completed_ >= power_until; }
  /// Names in a directory, sorted, those of directories in it included.
  std::vector<std::string> names_in(const std::string& directory) const;
  /// The file of a name, as another process opens it; nullptr: there is none.
  std::shared_ptr<const File> find(const std::string& path) const;
  /// Files as a process sees them that reads now.
  FileContents cached() const;

  /// The same disk, to see what a power cut would leave of it now. What is under way never ends.
  std::unique_ptr<SimFile> clone(uint64_t seed) const;

  /// The power fails: what is found afterwards. Operations under way never end.
  FileContents power_cut();
  /// The process dies: the kernel keeps what it has, and may finish what it has begun.
  FileContents kill();

  /// Broken promises of the caller, e.g. borrowed memory that was changed; empty if all is well.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  using Names = std::map<std::string, std::shared_ptr<File>>;
  struct NameChange {
    uint64_t number = 0;
    Kind kind = Kind::create;
    std::string from;  // also the only one
    std::string to;
    std::shared_ptr<File> file;
  };
  struct Opened {
    std::string path;
    std::shared_ptr<File> file;
  };

  Operation& start(core::FileOp& op, Kind kind, std::string path);
  Ending choose_ending(const Operation& operation);
  uint32_t fault_of(Kind kind) const;
  bool chance(uint32_t thousandths) { return random_.below(1000) < thousandths; }
  static File& file_of(const Operation& operation) { return *operation.file; }
  Operation& start_on(core::FileOp& op, Kind kind, core::FileHandle file);
  int remember(const std::string& path);

  int carry_out(Operation& operation, Ending ending);
  int carry_out_name(const Operation& operation);
  bool is_missing(const std::string& directory) const { return missing_.contains(directory); }
  int change_name(Kind kind, const std::string& from, const std::string& to);
  static void apply(const NameChange& change, Names& names);
  void settle_names(const std::string& directory, uint64_t changes);
  void leave_to_chance(const Operation& operation);
  int carry_out_write(const Operation& operation, Ending ending);
  Operation& start_sync(core::FileOp& op, core::FileHandle file);
  void carry_out_sync(const Operation& operation, bool good);
  void check_borrowed(const Operation& operation);
  template <class Visit>
  static void for_each_sector(const Operation& operation, Visit&& visit);

  core::Prng random_;
  Names names_;                      // as the kernel has them
  Names stable_names_;               // but for `changes_`
  std::vector<NameChange> changes_;  // in order
  uint64_t change_count_ = 0;
  std::set<std::string> missing_;   // directories
  std::map<int32_t, Opened> open_;  // by handle
  int32_t next_handle_ = 0;
  std::vector<Operation> operations_;
  uint64_t step_ = 0;
  uint64_t completed_ = 0;
  std::map<std::byte*, std::unique_ptr<std::byte[]>> buffers_;
  std::vector<std::string> violations_;
};

}  // namespace mailrace::tests
