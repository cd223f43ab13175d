// SPDX-License-Identifier: GPL-3.0-or-later
// Stricter than most disks: what was not promised to survive is lost about half of the time.
#include "tests/sim/sim_file.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint64_t kSectorBytes = 512;

void put(std::vector<std::byte>& target, uint64_t offset, core::Octets octets) {
  if (target.size() < offset + octets.size()) target.resize(offset + octets.size());
  if (!octets.empty()) std::memcpy(target.data() + offset, octets.data(), octets.size());
}

void copy_sector(const std::vector<std::byte>& source, std::vector<std::byte>& target,
                 uint64_t sector) {
  const uint64_t from = sector * kSectorBytes;
  if (from >= source.size()) return;
  const uint64_t bytes = std::min<uint64_t>(kSectorBytes, source.size() - from);
  put(target, from, core::Octets(source).subspan(from, bytes));
}

}  // namespace

SimFile::SimFile(uint64_t seed, const FileContents& files) : random_(seed) {
  for (const auto& [path, octets] : files) {
    files_[path] = std::make_unique<File>(File{octets, octets, {}, path});
  }
}

SimFile::~SimFile() = default;

// --- starting ------------------------------------------------------------------------------------

SimFile::Operation& SimFile::start(core::FileOp& op, Kind kind, std::string path) {
  MAILRACE_CHECK(op.done != nullptr);
  for (const Operation& other : operations_) {
    if (other.op == &op) violations_.push_back("a FileOp was started twice");
  }
  Operation operation;
  operation.kind = kind;
  operation.path = std::move(path);
  operation.op = &op;
  operation.due_step = step_ + 1 + random_.below(uint64_t{faults.delay_max} + 1);
  operations_.push_back(std::move(operation));
  return operations_.back();
}

const std::string& SimFile::path_of(core::FileHandle file) {
  const auto found = open_.find(file.index);
  MAILRACE_CHECK(found != open_.end());
  return found->second;
}

void SimFile::create(core::FileOp& op, const char* path) { start(op, Kind::create, path); }

void SimFile::open(core::FileOp& op, const char* path) { start(op, Kind::open, path); }

void SimFile::rename(core::FileOp& op, const char* from, const char* to) {
  start(op, Kind::rename, from).target = to;
}

void SimFile::allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  start(op, Kind::allocate, path_of(file)).bytes = bytes;
}

void SimFile::write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
                    uint64_t offset, bool synced) {
  Operation& operation = start(op, Kind::write, path_of(file));
  operation.offset = offset;
  operation.synced = synced;
  operation.pieces.assign(pieces.begin(), pieces.end());
  for (const iovec& piece : pieces) {
    const auto* const octets = static_cast<const std::byte*>(piece.iov_base);
    operation.octets.insert(operation.octets.end(), octets, octets + piece.iov_len);
  }
  operation.bytes = operation.octets.size();
  if (offset % block != 0 || operation.bytes % block != 0) {
    violations_.push_back("a write that is not made of blocks");
  }
  if (operation.bytes > core::kWriteBytesMax) violations_.push_back("a write that is too long");
}

void SimFile::sync(core::FileOp& op, core::FileHandle file) {
  start(op, Kind::sync, path_of(file));
}

void SimFile::sync_directory(core::FileOp& op, const char* path) {
  Operation& operation = start(op, Kind::sync_directory, path);
  const std::string prefix = operation.path + "/";
  for (const auto& [name, file] : files_) {
    if (name.starts_with(prefix)) operation.names.insert(name);
  }
}

void SimFile::truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  start(op, Kind::truncate, path_of(file)).bytes = bytes;
}

void SimFile::close(core::FileHandle file) {
  const std::string path = path_of(file);
  for (const Operation& operation : operations_) {
    if (operation.path == path) violations_.push_back("closed with an operation under way");
  }
  open_.erase(file.index);
}

// --- ending --------------------------------------------------------------------------------------

void SimFile::step() {
  ++step_;
  std::vector<core::FileOp*> due;
  for (const Operation& operation : operations_) {
    if (operation.due_step <= step_) due.push_back(operation.op);
  }
  while (!due.empty()) {
    const auto chosen = due.begin() + std::ptrdiff_t(random_.below(due.size()));
    const auto found = std::ranges::find(operations_, *chosen, &Operation::op);
    due.erase(chosen);
    complete(size_t(found - operations_.begin()), choose_ending(*found));
  }
}

uint32_t SimFile::fault_of(Kind kind) const {
  switch (kind) {
    case Kind::open:
    case Kind::rename:
      return faults.create;
    case Kind::create:
      return faults.disk_full ? 1000 : faults.create;
    case Kind::allocate:
      return faults.disk_full ? 1000 : faults.allocate;
    case Kind::write:
      return faults.write;
    case Kind::sync:
      return faults.sync;
    case Kind::sync_directory:
      return faults.sync_directory;
    case Kind::truncate:
      return faults.truncate;
  }
  return 0;
}

SimFile::Ending SimFile::choose_ending(const Operation& operation) {
  const bool unsupported = operation.kind == Kind::allocate && faults.no_fallocate;
  if (!chance(fault_of(operation.kind))) {
    return unsupported ? Ending::not_supported : Ending::good;
  }
  if (operation.kind == Kind::write && chance(333)) return Ending::short_write;
  const bool full = faults.disk_full && operation.kind != Kind::write;
  return full || chance(faults.no_space) ? Ending::no_space : Ending::io_error;
}

void SimFile::complete(size_t index, Ending ending) {
  MAILRACE_CHECK(index < operations_.size());
  Operation operation = std::move(operations_[index]);
  operations_.erase(operations_.begin() + std::ptrdiff_t(index));
  ++completed_;
  const int result = carry_out(operation, ending);
  operation.op->done(*operation.op, result);
}

int SimFile::carry_out(Operation& operation, Ending ending) {
  const int error = ending == Ending::no_space        ? -ENOSPC
                    : ending == Ending::not_supported ? -EOPNOTSUPP
                                                      : -EIO;
  if (operation.kind == Kind::write) {
    check_borrowed(operation);
    const int written = carry_out_write(operation, ending);
    return written >= 0 ? written : error;
  }
  const bool good = ending == Ending::good;
  if (operation.kind == Kind::sync) carry_out_sync(file_of(operation), good);
  if (!good) return error;
  switch (operation.kind) {
    case Kind::create:
      return carry_out_create(operation);
    case Kind::open:
      return carry_out_open(operation);
    case Kind::rename:
      return carry_out_rename(operation);
    case Kind::allocate:
      file_of(operation).cached.resize(
          std::max<size_t>(operation.bytes, file_of(operation).cached.size()));
      return 0;
    case Kind::truncate: {
      File& file = file_of(operation);
      file.cached.resize(operation.bytes);
      file.dirty.erase(file.dirty.upper_bound(operation.bytes / kSectorBytes), file.dirty.end());
      return 0;
    }
    case Kind::sync_directory:
      for (const std::string& name : operation.names) {
        if (files_.contains(name)) files_.at(name)->stable_name = name;
      }
      return 0;
    case Kind::sync:
    case Kind::write:
      return 0;
  }
  return 0;
}

int SimFile::carry_out_create(const Operation& operation) {
  if (files_.contains(operation.path)) return -EEXIST;
  files_[operation.path] = std::make_unique<File>();
  open_[next_handle_] = operation.path;
  return next_handle_++;
}

int SimFile::carry_out_open(const Operation& operation) {
  if (!files_.contains(operation.path)) return -ENOENT;
  open_[next_handle_] = operation.path;
  return next_handle_++;
}

int SimFile::carry_out_rename(const Operation& operation) {
  const auto found = files_.find(operation.path);
  if (found == files_.end()) return -ENOENT;
  files_[operation.target] = std::move(found->second);
  files_.erase(found);
  for (auto& [handle, path] : open_) {
    if (path == operation.path) path = operation.target;
  }
  return 0;
}

void SimFile::rename_now(const std::string& from, const std::string& to) {
  Operation operation;
  operation.path = from;
  operation.target = to;
  MAILRACE_CHECK(carry_out_rename(operation) == 0);
  files_.at(to)->stable_name = to;
}

void SimFile::check_borrowed(const Operation& operation) {
  uint64_t at = 0;
  for (const iovec& piece : operation.pieces) {
    if (std::memcmp(operation.octets.data() + at, piece.iov_base, piece.iov_len) != 0) {
      violations_.push_back("memory was changed under a write to " + operation.path);
      return;
    }
    at += piece.iov_len;
  }
}

// Calls visit(sector, offset in the file, octets of the write that lie in the sector).
template <class Visit>
void SimFile::for_each_sector(const Operation& operation, Visit&& visit) {
  const core::Octets octets(operation.octets);
  for (uint64_t at = 0; at < octets.size();) {
    const uint64_t offset = operation.offset + at;
    const uint64_t bytes =
        std::min<uint64_t>(kSectorBytes - offset % kSectorBytes, octets.size() - at);
    visit(offset / kSectorBytes, offset, octets.subspan(at, bytes));
    at += bytes;
  }
}

// returns  octets written, or negative
int SimFile::carry_out_write(const Operation& operation, Ending ending) {
  File& file = file_of(operation);
  if (ending == Ending::good) {
    put(file.cached, operation.offset, operation.octets);
    for_each_sector(operation, [&](uint64_t sector, uint64_t, core::Octets) {
      if (operation.synced) {
        copy_sector(file.cached, file.stable, sector);
        file.dirty.erase(sector);
      } else {
        file.dirty.insert(sector);
      }
    });
    return int(operation.bytes);
  }
  const bool is_short = ending == Ending::short_write;
  // A kernel stops between its pages, never inside a sector.
  const uint64_t stop = (operation.offset + random_.below(operation.bytes)) & ~(kSectorBytes - 1);
  const uint64_t short_bytes = stop > operation.offset ? stop - operation.offset : 0;
  const uint64_t written = is_short ? short_bytes : operation.bytes;
  for_each_sector(operation, [&](uint64_t sector, uint64_t offset, core::Octets octets) {
    if (offset >= operation.offset + written) return;
    const uint64_t left = operation.offset + written - offset;
    if (!is_short && chance(500)) return;
    put(file.cached, offset, octets.first(std::min<size_t>(octets.size(), left)));
    if (chance(500)) copy_sector(file.cached, file.stable, sector);
  });
  return is_short ? int(written) : -1;
}

// After a failure the kernel holds the octets for clean, wherever they are.
void SimFile::carry_out_sync(File& file, bool good) {
  if (good) file.stable.resize(file.cached.size());
  for (const uint64_t sector : file.dirty) {
    if (good || chance(500)) copy_sector(file.cached, file.stable, sector);
  }
  file.dirty.clear();
}

// --- the end of it -------------------------------------------------------------------------------

FileContents SimFile::cached() const {
  FileContents contents;
  for (const auto& [path, file] : files_) contents[path] = file->cached;
  return contents;
}

FileContents SimFile::power_cut() {
  for (const Operation& operation : operations_) {
    if (operation.kind == Kind::create) {
      if (chance(500)) files_.try_emplace(operation.path, std::make_unique<File>());
      continue;
    }
    if (operation.kind == Kind::sync_directory || operation.kind == Kind::open) continue;
    if (operation.kind == Kind::rename) {
      if (chance(500)) carry_out_rename(operation);
      continue;
    }
    File& file = file_of(operation);
    if (operation.kind == Kind::write) {
      for_each_sector(operation, [&](uint64_t, uint64_t offset, core::Octets octets) {
        if (chance(500)) put(file.stable, offset, octets);
      });
    } else if (operation.kind != Kind::sync && chance(500)) {
      file.cached.resize(operation.bytes);
    }
  }
  FileContents contents;
  for (const auto& [path, file] : files_) {
    // A new name may be lost; a changed one may be the old one still.
    const bool as_it_was = file->stable_name != path && chance(500);
    if (as_it_was && file->stable_name.empty()) continue;
    std::vector<std::byte>& octets = contents[as_it_was ? file->stable_name : path] = file->stable;
    for (const uint64_t sector : file->dirty) {
      if (chance(500)) copy_sector(file->cached, octets, sector);
    }
    if (chance(500)) octets.resize(file->cached.size());
  }
  operations_.clear();
  open_.clear();
  return contents;
}

FileContents SimFile::kill() {
  for (Operation& operation : operations_) {
    const bool file_op = operation.kind != Kind::create && operation.kind != Kind::open;
    if (file_op && chance(500)) carry_out(operation, Ending::good);
  }
  FileContents contents = cached();
  operations_.clear();
  open_.clear();
  return contents;
}

}  // namespace mailrace::tests
