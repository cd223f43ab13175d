// SPDX-License-Identifier: GPL-3.0-or-later
// Reads come from what the kernel has; only what changes something is an operation.
#include "tests/sim/sim_disk.h"

#include "core/base/check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tests {
namespace {

// Whether one of the blocks is unreadable_block(), or what was left of it when the file was cut.
bool touches_unreadable(const std::vector<std::byte>& octets, uint64_t from, uint64_t to) {
  constexpr size_t kLeastBytes = 16;
  const core::Octets bad = unreadable_block();
  for (uint64_t at = from - from % bad.size(); at < to; at += bad.size()) {
    const size_t bytes = std::min<size_t>(bad.size(), octets.size() - at);
    if (bytes >= kLeastBytes && std::memcmp(&octets[at], bad.data(), bytes) == 0) return true;
  }
  return false;
}

}  // namespace

SimDisk::SimDisk(uint64_t seed, const FileContents& files)
    : random_(seed ^ 0xd15c), own_(std::make_unique<SimFile>(seed, files)), files_(*own_) {}

SimDisk::SimDisk(uint64_t seed, SimFile& files) : random_(seed ^ 0xd15c), files_(files) {}

void SimDisk::on_done(core::FileOp& op, int result) {
  static_cast<SimDisk*>(op.context)->result_ = result;
}

core::Result<int> SimDisk::finish(core::FileOp& op) {
  MAILRACE_CHECK(!is_cut());
  if (operations_++ == cut_at) {
    after_cut_ = files_.power_cut();
    return core::fail_errno(-EIO, "sim.power");
  }
  if (files_.is_off()) {
    lost_power_ = true;
    files_.orphan_newest();
    return core::fail_errno(-EIO, "sim.power");
  }
  const bool fails = random_.below(1000) < faults;
  files_.complete(files_.pending() - 1, fails ? SimFile::Ending::io_error : SimFile::Ending::good);
  MAILRACE_CHECK(op.context == this);
  if (result_ < 0) return core::fail_errno(result_, "sim.disk");
  return result_;
}

core::Result<void> SimDisk::finish_void(core::FileOp& op) {
  if (const auto done = finish(op); !done) return tl::unexpected<core::Error>(done.error());
  return {};
}

// A name that changed, and the sync that makes it stay.
core::Result<void> SimDisk::finish_name(core::FileOp& op, const std::string& path) {
  if (const auto done = finish_void(op); !done) return done;
  return sync_directory(path.substr(0, path.rfind('/')));
}

FileContents SimDisk::power_cut() {
  if (!after_cut_) after_cut_ = files_.power_cut();
  return *after_cut_;
}

core::Result<std::vector<std::string>> SimDisk::list(const std::string& path) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  return files_.names_in(path);
}

core::FileHandle SimDisk::remember(const std::string& path, std::optional<core::FileHandle> inner) {
  opened_[next_] = {files_.find(path), inner};
  return {next_++};
}

core::Result<core::FileHandle> SimDisk::open(const std::string& path, bool writable) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  if (files_.find(path) == nullptr) return core::fail_errno(-ENOENT, "sim.open");
  if (!writable) return remember(path, std::nullopt);
  core::FileOp op{&on_done, this};
  files_.open(op, path.c_str());
  MAILRACE_TRY(const int inner, finish(op));
  return remember(path, core::FileHandle{inner});
}

core::Result<core::FileHandle> SimDisk::create(const std::string& path) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  files_.create(op, path.c_str());
  MAILRACE_TRY(const int inner, finish(op));
  return remember(path, core::FileHandle{inner});
}

void SimDisk::close(core::FileHandle file) {
  const auto found = opened_.find(file.index);
  MAILRACE_CHECK(found != opened_.end());
  if (found->second.inner && !is_cut() && !files_.is_off()) files_.close(*found->second.inner);
  opened_.erase(found);
}

core::Result<uint64_t> SimDisk::size(core::FileHandle file) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  return opened_.at(file.index).file->cached.size();
}

core::Result<size_t> SimDisk::read(core::FileHandle file, uint64_t offset,
                                   core::MutableOctets target) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  const std::vector<std::byte>& octets = opened_.at(file.index).file->cached;
  if (offset >= octets.size()) return size_t{0};
  const size_t bytes = std::min<size_t>(target.size(), octets.size() - offset);
  if (touches_unreadable(octets, offset, offset + bytes)) {
    return core::fail_errno(-EIO, "sim.read");
  }
  if (bytes > 0) std::memcpy(target.data(), octets.data() + offset, bytes);
  return bytes;
}

core::Result<void> SimDisk::truncate(core::FileHandle file, uint64_t bytes) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  files_.truncate(op, *opened_.at(file.index).inner, bytes);
  if (const auto done = finish_void(op); !done) return done;
  return sync(file);
}

core::Result<void> SimDisk::remove(const std::string& path) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  files_.remove(op, path.c_str());
  return finish_name(op, path);
}

core::Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  files_.rename(op, from.c_str(), to.c_str());
  return finish_name(op, to);
}

core::Result<void> SimDisk::link(const std::string& from, const std::string& to) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  files_.link(op, from.c_str(), to.c_str());
  return finish_name(op, to);
}

core::Result<void> SimDisk::write(core::FileHandle file, uint64_t offset, core::Octets octets) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  core::FileOp op{&on_done, this};
  const iovec piece{const_cast<std::byte*>(octets.data()), octets.size()};
  // Through the page cache, whatever the writer does.
  const size_t block = std::exchange(files_.block, 1);
  files_.write(op, *opened_.at(file.index).inner, {&piece, 1}, offset, /*synced=*/false);
  files_.block = block;
  return finish_void(op);
}

core::Result<void> SimDisk::sync(core::FileHandle file) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  if (ignores_syncs) return {};
  core::FileOp op{&on_done, this};
  files_.sync(op, *opened_.at(file.index).inner);
  return finish_void(op);
}

core::Result<void> SimDisk::sync_directory(const std::string& path) {
  if (is_cut()) return core::fail_errno(-EIO, "sim.power");
  if (ignores_syncs) return {};
  core::FileOp op{&on_done, this};
  files_.sync_directory(op, path.c_str());
  return finish_void(op);
}

}  // namespace mailrace::tests
