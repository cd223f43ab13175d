// SPDX-License-Identifier: GPL-3.0-or-later
// Records of a fixed size, so a torn one at the end is told apart from a bad one by what stands
// behind it, and the place of each follows from its number. A log that is full is written anew
// without what it says of mails that are gone; those who read it notice by the generation.
#include "spool/operations.h"

#include "core/base/check.h"
#include "core/base/crc32c.h"
#include "core/base/limits.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr std::string_view kMagic = "MRACEOPS";
constexpr uint32_t kVersion = 1;
constexpr size_t kHeadBytes = 64;
constexpr size_t kGenerationAt = 16;
constexpr size_t kHeadCrcAt = 60;
constexpr size_t kRecordsAtOnce = 1024;

using Head = std::array<std::byte, kHeadBytes>;

Head encode_head(uint64_t generation) noexcept {
  Head head{};
  std::memcpy(head.data(), kMagic.data(), kMagic.size());
  store_le(head.data() + 8, kVersion);
  store_le(head.data() + kGenerationAt, generation);
  store_le(head.data() + kHeadCrcAt, core::crc32c(0, core::Octets(head).first(kHeadCrcAt)));
  return head;
}

// returns  the generation
core::Result<uint64_t> check_head(core::Octets octets) noexcept {
  if (octets.size() < kHeadBytes || core::as_text(octets.first(kMagic.size())) != kMagic ||
      load_le<uint32_t>(octets.data() + kHeadCrcAt) != core::crc32c(0, octets.first(kHeadCrcAt))) {
    return core::fail(core::Errc::corrupt, "operations.head");
  }
  if (load_le<uint32_t>(octets.data() + 8) != kVersion) {
    return core::fail(core::Errc::unsupported, "operations.version");
  }
  return load_le<uint64_t>(octets.data() + kGenerationAt);
}

// A crash between the making of the file and its first sync leaves it without a head, and nobody
// was told of any record: head and first record share a sector, and their sync.
bool is_unborn(core::Octets octets, uint64_t file_bytes) noexcept {
  return octets.size() < kHeadBytes ||
         (file_bytes <= kHeadBytes + kOperationBytes &&
          std::ranges::all_of(octets, [](std::byte b) { return b == std::byte{0}; }));
}

constexpr uint64_t offset_of(uint64_t sequence) noexcept {
  return kHeadBytes + sequence * kOperationBytes;
}

}  // namespace

void encode_operation(std::byte* target, const Operation& operation, uint64_t sequence) noexcept {
  std::memset(target, 0, kOperationBytes);
  store_le(target + 4, uint16_t(operation.kind));
  store_le(target + 8, sequence);
  store_le(target + 16, operation.mail_id);
  store_le(target + 24, uint64_t(operation.at.ns));
  store_le(target + 32, operation.worker);
  store_le(target + 40, operation.first_segment);
  store_le(target + 48, operation.last_segment);
  store_le(target, core::crc32c(0, core::Octets(target + 4, kOperationBytes - 4)));
}

core::Result<Operation> decode_operation(core::Octets octets, uint64_t sequence) noexcept {
  if (octets.size() < kOperationBytes) return core::fail(core::Errc::corrupt, "operation.bytes");
  const std::byte* const at = octets.data();
  if (load_le<uint32_t>(at) != core::crc32c(0, octets.subspan(4, kOperationBytes - 4))) {
    return core::fail(core::Errc::corrupt, "operation.crc");
  }
  const auto kind = load_le<uint16_t>(at + 4);
  if (kind < uint16_t(OperationKind::hold) || kind > uint16_t(OperationKind::remove)) {
    return core::fail(core::Errc::corrupt, "operation.kind");
  }
  if (load_le<uint64_t>(at + 8) != sequence) {
    return core::fail(core::Errc::corrupt, "operation.sequence");
  }
  Operation operation;
  operation.kind = OperationKind(kind);
  operation.mail_id = load_le<uint64_t>(at + 16);
  operation.at.ns = int64_t(load_le<uint64_t>(at + 24));
  operation.worker = load_le<uint32_t>(at + 32);
  operation.first_segment = load_le<uint64_t>(at + 40);
  operation.last_segment = load_le<uint64_t>(at + 48);
  return operation;
}

Operations::Operations(core::Disk& disk, const std::string& spool_path)
    : disk_(disk), spool_path_(spool_path), path_(spool_path + "/operations.log") {}

MailMark Operations::of(uint64_t mail_id) const {
  const auto found = marks_.find(mail_id);
  return found == marks_.end() ? MailMark{} : found->second;
}

void Operations::clear() {
  generation_ = 0;
  marks_.clear();
  records_ = 0;
  damages_ = 0;
}

void Operations::apply(const Operation& operation) {
  MailMark& mark = marks_[operation.mail_id];
  mark.worker = operation.worker;
  mark.first_segment = operation.first_segment;
  mark.last_segment = operation.last_segment;
  switch (operation.kind) {
    case OperationKind::hold:
      mark.held = true;
      return;
    case OperationKind::release:
      mark.held = false;
      return;
    case OperationKind::remove:
      mark.deleted = true;
      return;
  }
}

core::Result<void> Operations::refresh() {
  const auto file = disk_.open(path_, /*writable=*/false);
  if (!file && file.error().sys_errno == ENOENT) {
    clear();
    return {};
  }
  if (!file) return tl::unexpected<core::Error>(file.error());
  auto read = read_from(*file);
  disk_.close(*file);
  return read;
}

core::Result<void> Operations::read_from(core::FileHandle file) {
  MAILRACE_TRY(const uint64_t file_bytes, disk_.size(file));
  if (file_bytes < offset_of(records_)) clear();  // another file than last time
  Head head{};
  MAILRACE_TRY(const size_t head_read, disk_.read(file, 0, head));
  const core::Octets head_octets = core::Octets(head).first(head_read);
  if (is_unborn(head_octets, file_bytes)) return {};
  MAILRACE_TRY(const uint64_t generation, check_head(head_octets));
  if (generation != generation_) clear();
  generation_ = generation;

  std::vector<std::byte> octets(kRecordsAtOnce * kOperationBytes);
  uint64_t bad = 0;  // records up to the last whole one that do not check
  for (uint64_t next = records_; next < core::kOperationsMax;) {
    MAILRACE_TRY(const size_t read, disk_.read(file, offset_of(next), octets));
    for (size_t at = 0; at + kOperationBytes <= read; at += kOperationBytes) {
      const auto operation = decode_operation(core::Octets(octets).subspan(at), next++);
      if (!operation) {
        ++bad;
        continue;
      }
      damages_ += std::exchange(bad, 0);
      records_ = next;
      apply(*operation);
    }
    if (read < octets.size()) break;
  }
  return {};
}

core::Result<core::FileHandle> Operations::open_for_append() {
  const auto file = disk_.open(path_, /*writable=*/true);
  if (file || file.error().sys_errno != ENOENT) return file;
  return disk_.create(path_);
}

// Whether a segment is left that the mail's records lie in; nobody knows where it cannot be listed.
bool Operations::may_be_there(const MailMark& mail) {
  auto listed = segments_.find(mail.worker);
  if (listed == segments_.end()) {
    auto numbers = list_segments(disk_, spool_path_, mail.worker);
    if (!numbers) return true;
    listed = segments_.emplace(mail.worker, std::move(*numbers)).first;
  }
  const auto at = std::ranges::lower_bound(listed->second, mail.first_segment);
  return at != listed->second.end() && *at <= mail.last_segment;
}

// What the whole log comes to, as a log of its own.
std::vector<std::byte> Operations::compacted() {
  std::vector<Operation> kept;
  for (const auto& [mail_id, mark] : marks_) {
    if (!may_be_there(mark)) continue;
    Operation operation{.worker = mark.worker,
                        .mail_id = mail_id,
                        .first_segment = mark.first_segment,
                        .last_segment = mark.last_segment};
    if (mark.held) kept.push_back(operation);
    operation.kind = OperationKind::remove;
    if (mark.deleted) kept.push_back(operation);
  }
  segments_.clear();
  const Head head = encode_head(generation_ + 1);
  std::vector<std::byte> octets(offset_of(kept.size()));
  std::ranges::copy(head, octets.begin());
  for (size_t i = 0; i < kept.size(); ++i) {
    encode_operation(octets.data() + offset_of(i), kept[i], i);
  }
  return octets;
}

core::Result<void> Operations::write_anew() {
  if (damages_ > 0) return core::fail(core::Errc::corrupt, "operations.records");
  const std::vector<std::byte> octets = compacted();
  const std::string new_path = path_ + ".new";
  const auto removed = disk_.remove(new_path);
  if (!removed && removed.error().sys_errno != ENOENT) return removed;
  MAILRACE_TRY(const core::FileHandle file, disk_.create(new_path));
  auto done = disk_.write(file, 0, octets);
  if (done) done = disk_.sync(file);
  disk_.close(file);
  if (done) done = disk_.rename(new_path, path_);
  if (done) done = disk_.sync_directory(spool_path_);
  return done;
}

core::Result<void> Operations::append(const Operation& operation) {
  if (const auto read = refresh(); !read) return read;
  if (records_ >= core::kOperationsMax) {
    if (const auto written = write_anew(); !written) return written;
  }
  MAILRACE_TRY(const core::FileHandle file, open_for_append());
  const auto work = [&]() -> core::Result<void> {
    if (const auto read = read_from(file); !read) return read;
    if (records_ >= core::kOperationsMax) return core::fail(core::Errc::busy, "operations.count");
    MAILRACE_TRY(const uint64_t file_bytes, disk_.size(file));
    if (file_bytes > offset_of(records_) && file_bytes > kHeadBytes) {
      if (const auto cut = disk_.truncate(file, offset_of(records_)); !cut) return cut;
    }
    const Head head = encode_head(generation_);
    if (records_ == 0) {
      if (const auto written = disk_.write(file, 0, head); !written) return written;
    }
    std::array<std::byte, kOperationBytes> record;
    encode_operation(record.data(), operation, records_);
    if (const auto written = disk_.write(file, offset_of(records_), record); !written) {
      return written;
    }
    return disk_.sync(file);
  };
  const auto done = work();
  disk_.close(file);
  if (!done) return done;
  // The name may be as new as the record.
  if (const auto synced = disk_.sync_directory(spool_path_); !synced) return synced;
  return refresh();
}

}  // namespace mailrace::spool
