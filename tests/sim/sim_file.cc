// SPDX-License-Identifier: GPL-3.0-or-later
// Stricter than most disks: what was not promised to survive is lost about half of the time.
#include "tests/sim/sim_file.h"

#include "core/base/check.h"
#include "core/base/limits.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint64_t kSectorBytes = 512;

void put(std::vector<std::byte>& target, uint64_t offset, core::Octets octets) {
  if (target.size() < offset + octets.size()) target.resize(offset + octets.size());
  if (!octets.empty()) std::memcpy(target.data() + offset, octets.data(), octets.size());
}

core::Octets sector_of(const std::vector<std::byte>& source, uint64_t sector) {
  const uint64_t from = std::min<uint64_t>(sector * kSectorBytes, source.size());
  const uint64_t bytes = std::min<uint64_t>(kSectorBytes, source.size() - from);
  return core::Octets(source).subspan(from, bytes);
}

// With memcmp, for the compiler compares one octet at a time.
bool are_equal(core::Octets one, core::Octets other) {
  return one.size() == other.size() &&
         (one.empty() || std::memcmp(one.data(), other.data(), one.size()) == 0);
}

void copy_sector(const std::vector<std::byte>& source, std::vector<std::byte>& target,
                 uint64_t sector) {
  const uint64_t from = sector * kSectorBytes;
  if (from >= source.size()) return;
  const uint64_t bytes = std::min<uint64_t>(kSectorBytes, source.size() - from);
  put(target, from, core::Octets(source).subspan(from, bytes));
}

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

core::Octets unreadable_block() {
  static const std::vector<std::byte> block = [] {
    std::vector<std::byte> octets(core::kBlockBytes);
    core::Prng random(0xbad);
    for (size_t at = 0; at < octets.size(); at += 8) core::store_le(&octets[at], random.next());
    return octets;
  }();
  return block;
}

SimFile::SimFile(uint64_t seed, const FileContents& files) : random_(seed) {
  for (const auto& [path, octets] : files) {
    names_[path] = std::make_shared<File>(File{octets, octets, {}});
  }
  stable_names_ = names_;
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

SimFile::Operation& SimFile::start_on(core::FileOp& op, Kind kind, core::FileHandle file) {
  const auto found = open_.find(file.index);
  MAILRACE_CHECK(found != open_.end());
  Operation& operation = start(op, kind, found->second.path);
  operation.file = found->second.file;
  operation.handle = file;
  return operation;
}

std::vector<std::string> SimFile::names_in(const std::string& directory) const {
  std::vector<std::string> names;
  const std::string prefix = directory + "/";
  for (auto at = names_.lower_bound(prefix); at != names_.end() && at->first.starts_with(prefix);
       ++at) {
    const std::string_view rest = std::string_view(at->first).substr(prefix.size());
    const std::string_view name = rest.substr(0, rest.find('/'));
    if (names.empty() || names.back() != name) names.emplace_back(name);
  }
  return names;
}

std::shared_ptr<const SimFile::File> SimFile::find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

void SimFile::create(core::FileOp& op, const char* path) { start(op, Kind::create, path); }

void SimFile::open(core::FileOp& op, const char* path) { start(op, Kind::open, path); }

void SimFile::rename(core::FileOp& op, const char* from, const char* to) {
  start(op, Kind::rename, from).target = to;
}

void SimFile::link(core::FileOp& op, const char* from, const char* to) {
  start(op, Kind::link, from).target = to;
}

void SimFile::remove(core::FileOp& op, const char* path) { start(op, Kind::remove, path); }

void SimFile::allocate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  start_on(op, Kind::allocate, file).bytes = bytes;
}

std::byte* SimFile::take_buffer() noexcept {
  if (through_cache) violations_.push_back("a buffer, though writes go through the cache");
  if (buffers_.size() == core::kWritesInFlightMax) violations_.push_back("too many buffers");
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(core::kWriteBytesMax);
  std::byte* const octets = buffer.get();
  buffers_.emplace(octets, std::move(buffer));
  return octets;
}

void SimFile::give_buffer(std::byte* buffer) noexcept {
  for (const Operation& operation : operations_) {
    const bool borrowed = !operation.pieces.empty() && operation.pieces[0].iov_base == buffer;
    if (borrowed) violations_.push_back("a buffer that is being written was given back");
  }
  if (buffers_.erase(buffer) == 0) violations_.push_back("a buffer that nobody had was given back");
}

void SimFile::write(core::FileOp& op, core::FileHandle file, std::span<const iovec> pieces,
                    uint64_t offset, bool synced) {
  Operation& operation = start_on(op, Kind::write, file);
  operation.offset = offset;
  operation.synced = synced;
  operation.pieces.assign(pieces.begin(), pieces.end());
  size_t bytes = 0;
  for (const iovec& piece : pieces) bytes += piece.iov_len;
  operation.octets.reserve(bytes);
  for (const iovec& piece : pieces) {
    const auto* const octets = static_cast<const std::byte*>(piece.iov_base);
    operation.octets.insert(operation.octets.end(), octets, octets + piece.iov_len);
  }
  operation.bytes = operation.octets.size();
  if (offset % block != 0 || operation.bytes % block != 0) {
    violations_.push_back("a write that is not made of blocks");
  }
  if (operation.bytes > core::kWriteBytesMax) violations_.push_back("a write that is too long");
  if (!through_cache && pieces.size() != 1)
    violations_.push_back("a write that is not in one piece");
}

// What is written while a sync is under way may be covered by it or not.
SimFile::Operation& SimFile::start_sync(core::FileOp& op, core::FileHandle handle) {
  Operation& operation = start_on(op, Kind::sync, handle);
  const File& file = file_of(operation);
  for (const uint64_t sector : file.dirty) {
    const core::Octets octets = sector_of(file.cached, sector);
    operation.sectors.try_emplace(sector, octets.begin(), octets.end());
  }
  return operation;
}

void SimFile::sync(core::FileOp& op, core::FileHandle file) { start_sync(op, file); }

void SimFile::sync_data(core::FileOp& op, core::FileHandle file) {
  start_sync(op, file).data_only = true;
}

void SimFile::sync_directory(core::FileOp& op, const char* path) {
  start(op, Kind::sync_directory, path).changes = change_count_;
}

int SimFile::check_name(core::FileHandle file, const char* path) const noexcept {
  const auto named = names_.find(path);
  if (named == names_.end()) return -ENOENT;
  const bool same = !file.is_open() || named->second == open_.at(file.index).file;
  return same ? 0 : -ESTALE;
}

void SimFile::truncate(core::FileOp& op, core::FileHandle file, uint64_t bytes) {
  start_on(op, Kind::truncate, file).bytes = bytes;
}

// All that was promised is that what is said to be clean is.
void SimFile::drop_cached(core::FileOp& op, core::FileHandle handle, uint64_t offset,
                          uint64_t bytes, bool write_back) {
  Operation& operation = start_on(op, Kind::drop_cached, handle);
  operation.offset = offset;
  operation.bytes = bytes;
  operation.write_back = write_back;
  const std::set<uint64_t>& dirty = file_of(operation).dirty;
  const auto first = dirty.lower_bound(offset / kSectorBytes);
  const bool has_dirty = first != dirty.end() && *first * kSectorBytes < offset + bytes;
  if (!write_back && has_dirty) violations_.push_back("dropped what is not stable");
}

void SimFile::close(core::FileHandle file) {
  const auto found = open_.find(file.index);
  MAILRACE_CHECK(found != open_.end());
  for (const Operation& operation : operations_) {
    if (operation.handle.index == file.index) {
      violations_.push_back("closed with an operation under way");
    }
  }
  open_.erase(found);
}

// --- ending --------------------------------------------------------------------------------------

void SimFile::step() {
  ++step_;
  std::vector<core::FileOp*> due;
  for (const Operation& operation : operations_) {
    if (operation.due_step <= step_) due.push_back(operation.op);
  }
  while (!due.empty() && !is_off()) {
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
    case Kind::link:
    case Kind::remove:
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
    case Kind::drop_cached:
      return 0;
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
  if (after_operation) after_operation();
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
  if (operation.kind == Kind::sync) carry_out_sync(operation, good);
  if (!good) return error;
  switch (operation.kind) {
    case Kind::create:
    case Kind::open:
    case Kind::rename:
    case Kind::link:
    case Kind::remove:
      return carry_out_name(operation);
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
      if (is_missing(operation.path)) return -ENOENT;
      settle_names(operation.path, operation.changes);
      return 0;
    case Kind::sync:
    case Kind::write:
    case Kind::drop_cached:
      return 0;
  }
  return 0;
}

// --- names ---------------------------------------------------------------------------------------

int SimFile::remember(const std::string& path) {
  open_[next_handle_] = {path, names_.at(path)};
  return next_handle_++;
}

int SimFile::carry_out_name(const Operation& operation) {
  if (operation.kind == Kind::open) {
    return names_.contains(operation.path) ? remember(operation.path) : -ENOENT;
  }
  if (is_missing(directory_of(operation.path))) return -ENOENT;
  const int result = change_name(operation.kind, operation.path, operation.target);
  return result == 0 && operation.kind == Kind::create ? remember(operation.path) : result;
}

int SimFile::change_name(Kind kind, const std::string& from, const std::string& to) {
  NameChange change{change_count_, kind, from, to, nullptr};
  if (kind == Kind::create) {
    if (names_.contains(from)) return -EEXIST;
    change.file = std::make_shared<File>();
  } else {
    if (!names_.contains(from)) return -ENOENT;
    if (kind == Kind::link && names_.contains(to)) return -EEXIST;
    change.file = names_.at(from);
  }
  apply(change, names_);
  for (auto& [handle, opened] : open_) {
    if (kind == Kind::rename && opened.file == change.file) opened.path = to;
  }
  ++change_count_;
  changes_.push_back(std::move(change));
  return 0;
}

// What cannot be, because an earlier change did not come down, is no change.
void SimFile::apply(const NameChange& change, Names& names) {
  const auto found = names.find(change.from);
  const bool is_there = found != names.end() && found->second == change.file;
  if (change.kind == Kind::create) names.try_emplace(change.from, change.file);
  if (change.kind == Kind::link) names.try_emplace(change.to, change.file);
  if (change.kind == Kind::rename && is_there) {
    names.erase(found);
    names[change.to] = change.file;
  }
  if (change.kind == Kind::remove && is_there) names.erase(found);
}

void SimFile::settle_names(const std::string& directory, uint64_t changes) {
  std::vector<NameChange> left;
  for (NameChange& change : changes_) {
    const bool here = directory_of(change.from) == directory;
    if (here && change.number < changes) {
      apply(change, stable_names_);
    } else {
      left.push_back(std::move(change));
    }
  }
  changes_ = std::move(left);
}

void SimFile::rename_now(const std::string& from, const std::string& to) {
  MAILRACE_CHECK(change_name(Kind::rename, from, to) == 0);
  settle_names(directory_of(to), change_count_);
}

void SimFile::remove_now(const std::string& path) {
  names_.erase(path);
  stable_names_.erase(path);
  std::erase_if(changes_,
                [&](const NameChange& change) { return change.from == path || change.to == path; });
}

void SimFile::remove_directory_now(const std::string& path) {
  for (const std::string& name : names_in(path)) remove_now(path + "/" + name);
  std::erase_if(stable_names_,
                [&](const auto& entry) { return directory_of(entry.first) == path; });
  std::erase_if(changes_,
                [&](const NameChange& change) { return directory_of(change.from) == path; });
  missing_.insert(path);
}

void SimFile::damage_now(const std::string& path, uint64_t offset, core::Octets octets) {
  File& file = *names_.at(path);
  put(file.cached, offset, octets);
  put(file.stable, offset, octets);
}

// --- octets --------------------------------------------------------------------------------------

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
void SimFile::carry_out_sync(const Operation& operation, bool good) {
  File& file = file_of(operation);
  if (good) file.stable.resize(file.cached.size());
  for (const auto& [sector, octets] : operation.sectors) {
    if (!file.dirty.contains(sector)) continue;  // cut off, or written with a sync of its own
    if (good || chance(500)) put(file.stable, sector * kSectorBytes, octets);
    // Written once more meanwhile: only what it held then is stable.
    if (are_equal(sector_of(file.cached, sector), octets)) file.dirty.erase(sector);
  }
}

// --- the end of it -------------------------------------------------------------------------------

FileContents SimFile::cached() const {
  FileContents contents;
  for (const auto& [path, file] : names_) contents[path] = file->cached;
  return contents;
}

std::unique_ptr<SimFile> SimFile::clone(uint64_t seed) const {
  auto copy = std::make_unique<SimFile>(seed);
  std::map<const File*, std::shared_ptr<File>> copies;
  const auto copy_of = [&copies](const std::shared_ptr<File>& file) -> std::shared_ptr<File> {
    if (file == nullptr) return nullptr;
    auto& made = copies[file.get()];
    if (made == nullptr) made = std::make_shared<File>(*file);
    return made;
  };
  for (const auto& [path, file] : names_) copy->names_[path] = copy_of(file);
  for (const auto& [path, file] : stable_names_) copy->stable_names_[path] = copy_of(file);
  copy->changes_ = changes_;
  for (NameChange& change : copy->changes_) change.file = copy_of(change.file);
  copy->change_count_ = change_count_;
  copy->missing_ = missing_;
  copy->operations_ = operations_;
  for (Operation& operation : copy->operations_) {
    operation.file = copy_of(operation.file);
    operation.op = nullptr;
  }
  return copy;
}

// An operation that was under way when the power went out.
void SimFile::leave_to_chance(const Operation& operation) {
  switch (operation.kind) {
    case Kind::open:
    case Kind::sync:
    case Kind::sync_directory:
    case Kind::drop_cached:
      return;
    case Kind::create:
    case Kind::rename:
    case Kind::link:
    case Kind::remove:
      if (chance(500)) change_name(operation.kind, operation.path, operation.target);
      return;
    case Kind::write:
      for_each_sector(operation, [&](uint64_t, uint64_t offset, core::Octets octets) {
        if (chance(500)) put(file_of(operation).stable, offset, octets);
      });
      return;
    case Kind::allocate:
    case Kind::truncate:
      if (chance(500)) file_of(operation).cached.resize(operation.bytes);
      return;
  }
}

FileContents SimFile::power_cut() {
  for (const Operation& operation : operations_) leave_to_chance(operation);
  Names names = stable_names_;
  for (const NameChange& change : changes_) {
    if (chance(500)) apply(change, names);
  }
  std::map<const File*, std::vector<std::byte>> octets_of;
  FileContents contents;
  for (const auto& [path, file] : names) {
    const auto [known, is_new] = octets_of.try_emplace(file.get(), file->stable);
    std::vector<std::byte>& octets = known->second;
    if (is_new) {
      for (const uint64_t sector : file->dirty) {
        if (chance(500)) copy_sector(file->cached, octets, sector);
      }
      if (chance(500)) octets.resize(file->cached.size());
    }
    contents[path] = octets;
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
