// SPDX-License-Identifier: GPL-3.0-or-later
// A Disk in memory, with blocks that cannot be read where a test wants them.
#pragma once

#include "core/base/check.h"
#include "core/port/disk.h"

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mailrace::tests {

/// Files by path; a directory is there as soon as it was made or a file is in it.
class MemoryDisk final : public core::Disk {
 public:
  std::map<std::string, std::vector<std::byte>> files;
  std::set<std::string> directories;
  uint64_t unreadable_from = UINT64_MAX;  // reads that touch these octets of any file fail with EIO
  uint64_t unreadable_to = UINT64_MAX;
  size_t open_count = 0;                                     // handles that are not closed yet
  std::function<void(const std::string& path)> before_open;  // somebody else changes files here
  std::function<int(const std::string& path)> before_list;   // 0, or -errno: it fails
  std::map<std::string, core::WallTime> modified;            // by path; what is not there is old
  std::set<std::string> synced;                              // paths of files

  core::Result<std::vector<std::string>> list(const std::string& path) override {
    if (const int failed = before_list ? before_list(path) : 0; failed < 0) {
      return core::fail_errno(failed, "disk.list");
    }
    std::set<std::string> names;
    const std::string prefix = path + "/";
    for (const auto& [file, octets] : files) add_name(names, prefix, file);
    for (const std::string& directory : directories) add_name(names, prefix, directory);
    if (names.empty() && !directories.contains(path)) return core::fail_errno(-ENOENT, "disk.list");
    return std::vector<std::string>(names.begin(), names.end());
  }

  core::Result<core::FileHandle> open(const std::string& path, bool writable) override {
    if (before_open) before_open(path);
    if (!files.contains(path)) return core::fail_errno(-ENOENT, "disk.open");
    ++open_count;
    opened_.push_back({path, writable, true});
    return core::FileHandle{int32_t(opened_.size() - 1)};
  }

  void close(core::FileHandle file) override {
    MAILRACE_CHECK(opened(file).is_open);
    opened(file).is_open = false;
    --open_count;
  }

  core::Result<uint64_t> size(core::FileHandle file) override { return contents(file).size(); }

  core::Result<size_t> read(core::FileHandle file, uint64_t offset,
                            core::MutableOctets target) override {
    const std::vector<std::byte>& octets = contents(file);
    if (offset >= octets.size()) return size_t{0};
    const size_t bytes = std::min<size_t>(target.size(), octets.size() - offset);
    if (offset < unreadable_to && offset + bytes > unreadable_from) {
      return core::fail_errno(-EIO, "disk.read");
    }
    if (bytes > 0) std::memcpy(target.data(), octets.data() + offset, bytes);
    return bytes;
  }

  core::Result<void> truncate(core::FileHandle file, uint64_t bytes) override {
    MAILRACE_CHECK(opened(file).writable);
    contents(file).resize(bytes);
    return {};
  }

  core::Result<void> remove(const std::string& path) override {
    if (files.erase(path) == 0) return core::fail_errno(-ENOENT, "disk.remove");
    return {};
  }

  core::Result<void> rename(const std::string& from, const std::string& to) override {
    if (!files.contains(from)) return core::fail_errno(-ENOENT, "disk.rename");
    files[to] = std::move(files[from]);
    files.erase(from);
    for (Opened& file : opened_) {
      if (file.path == from) file.path = to;
    }
    return {};
  }

  // A copy: nobody writes to a file that has two names.
  core::Result<void> link(const std::string& from, const std::string& to) override {
    if (!files.contains(from)) return core::fail_errno(-ENOENT, "disk.link");
    if (!files.try_emplace(to, files[from]).second) return core::fail_errno(-EEXIST, "disk.link");
    return {};
  }

  core::Result<core::WallTime> modified_at(core::FileHandle file) override {
    const auto found = modified.find(opened(file).path);
    return found == modified.end() ? core::WallTime{} : found->second;
  }

  core::Result<void> make_directory(const std::string& path) override {
    directories.insert(path);
    return {};
  }

  core::Result<core::FileHandle> create(const std::string& path) override {
    if (files.contains(path)) return core::fail_errno(-EEXIST, "disk.create");
    files[path] = {};
    return open(path, /*writable=*/true);
  }

  core::Result<void> write(core::FileHandle file, uint64_t offset, core::Octets octets) override {
    MAILRACE_CHECK(opened(file).writable);
    std::vector<std::byte>& target = contents(file);
    if (target.size() < offset + octets.size()) target.resize(offset + octets.size());
    if (!octets.empty()) std::memcpy(target.data() + offset, octets.data(), octets.size());
    return {};
  }

  core::Result<void> sync(core::FileHandle file) override {
    synced.insert(opened(file).path);
    return {};
  }
  core::Result<void> sync_directory(const std::string&) override { return {}; }

 private:
  struct Opened {
    std::string path;
    bool writable = false;
    bool is_open = false;
  };

  static void add_name(std::set<std::string>& names, const std::string& prefix,
                       const std::string& path) {
    if (!path.starts_with(prefix)) return;
    const std::string rest = path.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));
  }

  Opened& opened(core::FileHandle file) {
    MAILRACE_CHECK(file.index >= 0 && size_t(file.index) < opened_.size());
    return opened_[size_t(file.index)];
  }

  std::vector<std::byte>& contents(core::FileHandle file) {
    MAILRACE_CHECK(opened(file).is_open);
    return files[opened(file).path];
  }

  std::vector<Opened> opened_;
};

}  // namespace mailrace::tests
