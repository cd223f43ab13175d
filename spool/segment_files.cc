// SPDX-License-Identifier: GPL-3.0-or-later
// Looked at from outside, by name: whoever writes them need not help.
#include "spool/segment_files.h"

#include "core/base/limits.h"
#include "spool/record.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace mailrace::spool {
namespace {

bool is_unwritten(core::Octets first, const SegmentKey& key) {
  return std::ranges::all_of(first, [](std::byte b) { return b == std::byte{0}; }) ||
         stale_generation(first, key).has_value();
}

}  // namespace

core::Result<std::vector<uint64_t>> list_segments(core::Disk& disk, const std::string& spool_path,
                                                  uint32_t worker) {
  MAILRACE_TRY(const std::vector<std::string> names,
               disk.list(spool_path + "/" + worker_directory_name(worker)));
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    const auto number = parse_segment_file_name(name);
    if (number && segment_file_name(*number) == name) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

core::Result<uint64_t> next_segment_number(core::Disk& disk, const std::string& spool_path,
                                           uint32_t worker) {
  MAILRACE_TRY(const std::vector<std::string> names,
               disk.list(spool_path + "/" + worker_directory_name(worker)));
  uint64_t next = 1;
  for (const std::string& name : names) {
    auto number = parse_segment_file_name(name);
    if (!number) number = parse_free_file_name(name);
    if (number) next = std::max(next, *number + 1);
  }
  return next;
}

uint64_t find_salt(core::Disk& disk, const std::string& spool_path, uint32_t worker) {
  const std::string directory = spool_path + "/" + worker_directory_name(worker);
  std::vector<std::byte> octets(kSegmentHeadBytes);
  for (const std::string& name : disk.list(directory).value_or(std::vector<std::string>{})) {
    if (!parse_segment_file_name(name) && !parse_free_file_name(name)) continue;
    const auto file = disk.open(directory + "/" + name, /*writable=*/false);
    if (!file) continue;
    const size_t bytes = disk.read(*file, 0, octets).value_or(0);
    disk.close(*file);
    const auto head = decode_segment_head(core::Octets(octets).first(bytes));
    if (head && head->salt != 0) return head->salt;
  }
  return 0;
}

SegmentStart read_segment_start(core::Disk& disk, const std::string& path, uint64_t number,
                                uint64_t salt) {
  SegmentStart start;
  const auto file = disk.open(path, /*writable=*/false);
  if (!file) {
    start.is_missing = file.error().sys_errno == ENOENT;
    start.may_have_begun = !start.is_missing;
    return start;
  }
  // Each by itself: one of the two may be all that can be read.
  std::vector<std::byte> head(kSegmentHeadBytes);
  head.resize(disk.read(*file, 0, head).value_or(0));
  std::vector<std::byte> first(core::kRecordHeaderBytes);
  const auto read = disk.read(*file, kSegmentHeadBytes, first);
  first.resize(read.value_or(0));
  disk.close(*file);
  if (const auto decoded = decode_segment_head(head)) start.head = *decoded;
  const SegmentKey key(number, start.head ? start.head->salt : salt);
  start.has_begun = decode_record(first, key).has_value();
  start.may_have_begun =
      start.has_begun || !read || start.has_other_head(number) || !is_unwritten(first, key);
  return start;
}

std::optional<bool> has_first_record(core::Disk& disk, const std::string& path, uint64_t number,
                                     uint64_t salt) {
  const auto file = disk.open(path, /*writable=*/false);
  if (!file) return std::nullopt;
  std::array<std::byte, core::kRecordHeaderBytes> first{};
  const size_t bytes = disk.read(*file, kSegmentHeadBytes, first).value_or(0);
  disk.close(*file);
  const core::Octets there = core::Octets(first).first(bytes);
  const SegmentKey key(number, salt);
  if (decode_record(there, key)) return true;
  return is_unwritten(there, key) ? std::optional(false) : std::nullopt;
}

}  // namespace mailrace::spool
