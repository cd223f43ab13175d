// SPDX-License-Identifier: GPL-3.0-or-later
// Acknowledged is what was acknowledged before the state was written, so whoever reads a state that
// is not stable yet knows nothing wrong: a crash takes back the state, not the acknowledgement.
#include "spool/consumers.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace mailrace::spool {
namespace {

constexpr std::string_view kSuffix = ".cursor";

struct Loaded {
  CursorSlot slot;
  size_t index = 1;  // where it stands; a state that was never written leaves slot 0 to be next
};

// How much of a slot must be read, by its first block: most states fit into that. With zeros there
// all of it, because only a slot of nothing but zeros was never written to.
size_t slot_bytes(core::Octets block) {
  const auto bytes = CursorSlot::encoded_bytes(block);
  return std::clamp<size_t>(bytes.value_or(core::kCursorSlotBytes), block.size(),
                            core::kCursorSlotBytes);
}

core::Result<CursorSlot> read_slot(core::Disk& disk, core::FileHandle file, size_t index) {
  const uint64_t offset = index * core::kCursorSlotBytes;
  std::vector<std::byte> octets(core::kBlockBytes);
  MAILRACE_TRY(size_t read, disk.read(file, offset, octets));
  if (read == octets.size()) {
    octets.resize(slot_bytes(octets));
    const auto rest = core::MutableOctets(octets).subspan(read);
    MAILRACE_TRY(const size_t more, disk.read(file, offset + read, rest));
    read += more;
  }
  return CursorSlot::decode(core::Octets(octets).first(read));
}

core::Result<Loaded> load(core::Disk& disk, core::FileHandle file) {
  std::array<core::Result<CursorSlot>, 2> slots{read_slot(disk, file, 0), read_slot(disk, file, 1)};
  std::optional<Loaded> newest;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i] || (newest && newest->slot.sequence >= slots[i]->sequence)) continue;
    newest = Loaded{std::move(*slots[i]), i};
  }
  if (newest) return std::move(*newest);
  for (const auto& slot : slots) {
    const core::Errc code = slot.error().code;
    const bool other = code != core::Errc::torn_tail && code != core::Errc::corrupt;
    if (other) return tl::unexpected<core::Error>(slot.error());
  }
  // With the second slot never written to, the first one had an empty state, or was to have it.
  if (slots[1].error().code == core::Errc::torn_tail) return Loaded{};
  return tl::unexpected<core::Error>(slots[1].error());
}

}  // namespace

bool is_consumer_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > core::kConsumerNameBytesMax) return false;
  return core::is_alnum(name.front()) && std::ranges::all_of(name, [](char c) {
           return core::is_alnum(c) || c == '-' || c == '_' || c == '.';
         });
}

std::string consumers_path(const std::string& spool_path) { return spool_path + "/consumers"; }

std::string cursor_path(const std::string& spool_path, std::string_view name) {
  return consumers_path(spool_path) + "/" + std::string(name) + std::string(kSuffix);
}

core::Result<std::vector<std::string>> list_consumers(core::Disk& disk,
                                                      const std::string& spool_path) {
  const auto names = disk.list(consumers_path(spool_path));
  if (!names && names.error().sys_errno == ENOENT) return std::vector<std::string>{};
  if (!names) return tl::unexpected<core::Error>(names.error());
  std::vector<std::string> consumers;
  for (const std::string& file : *names) {
    std::string_view name = file;
    if (!name.ends_with(kSuffix)) continue;
    name.remove_suffix(kSuffix.size());
    if (is_consumer_name(name)) consumers.emplace_back(name);
  }
  std::ranges::sort(consumers);
  return consumers;
}

core::Result<CursorSlot> read_cursor(core::Disk& disk, const std::string& path) {
  MAILRACE_TRY(const core::FileHandle file, disk.open(path, /*writable=*/false));
  auto loaded = load(disk, file);
  for (int i = 1; !loaded && i < core::kCursorReadsMax; ++i) loaded = load(disk, file);
  disk.close(file);
  if (!loaded) return tl::unexpected<core::Error>(loaded.error());
  return std::move(loaded->slot);
}

std::map<uint32_t, uint64_t> cursor_segments(
    core::Disk& disk, const std::string& spool_path,
    const std::function<void(const std::string& path, const core::Error& error)>& failed) {
  std::map<uint32_t, uint64_t> segments;
  const auto names = list_consumers(disk, spool_path);
  if (!names) failed(consumers_path(spool_path), names.error());
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    const std::string path = cursor_path(spool_path, name);
    const auto slot = read_cursor(disk, path);
    if (!slot) {
      failed(path, slot.error());
      continue;
    }
    for (const auto& [number, worker] : slot->cursor.workers()) {
      segments[number] = std::max(segments[number], worker.position.segment);
    }
  }
  return segments;
}

core::Result<void> forget_consumer(core::Disk& disk, const std::string& spool_path,
                                   std::string_view name) {
  return disk.remove(cursor_path(spool_path, name));
}

CursorFile::CursorFile(core::Disk& disk, const std::string& spool_path, std::string_view name)
    : disk_(disk), spool_path_(spool_path), path_(cursor_path(spool_path, name)) {
  MAILRACE_CHECK(is_consumer_name(name));
}

CursorFile::~CursorFile() {
  if (file_.is_open()) disk_.close(file_);
}

core::Result<void> CursorFile::open() {
  MAILRACE_CHECK(!file_.is_open());
  auto file = disk_.open(path_, /*writable=*/true);
  if (!file && file.error().sys_errno == ENOENT) return create();
  if (!file) return tl::unexpected<core::Error>(file.error());
  file_ = *file;
  MAILRACE_TRY(Loaded loaded, load(disk_, file_));
  slot_ = std::move(loaded.slot);
  next_slot_ = 1 - loaded.index;
  // It may be in memory only, because a consumer ended before its sync, or the sync failed; then
  // the other slot is the only one that a power cut leaves, and must not be written to.
  if (slot_.sequence > 0) {
    if (const auto settled = write_slot(loaded.index); !settled) return settled;
  }
  // Whoever registered it may not have come to this.
  return disk_.sync_directory(consumers_path(spool_path_));
}

core::Result<void> CursorFile::create() {
  MAILRACE_TRY(const std::vector<std::string> others, list_consumers(disk_, spool_path_));
  if (others.size() >= core::kConsumersMax) return core::fail(core::Errc::busy, "consumers.count");
  if (const auto made = disk_.make_directory(consumers_path(spool_path_)); !made) return made;
  MAILRACE_TRY(file_, disk_.create(path_));
  if (const auto saved = save({}); !saved) return saved;
  return disk_.sync_directory(consumers_path(spool_path_));
}

core::Result<void> CursorFile::save(core::WallTime now) {
  MAILRACE_CHECK(file_.is_open());
  ++slot_.sequence;
  slot_.saved_at = now;
  if (const auto written = write_slot(next_slot_); !written) return written;
  next_slot_ = 1 - next_slot_;
  return check_name();
}

// Whoever removes the file, or the spool, leaves one that can be written to and that nobody finds:
// retention would see no consumer.
core::Result<void> CursorFile::check_name() {
  MAILRACE_TRY(const CursorSlot named, read_cursor(disk_, path_));
  const bool ours = named.sequence == slot_.sequence && named.saved_at == slot_.saved_at;
  if (!ours) return core::fail(core::Errc::io, "cursor.name");
  return {};
}

core::Result<void> CursorFile::write_slot(size_t index) {
  const uint64_t offset = index * core::kCursorSlotBytes;
  if (const auto written = disk_.write(file_, offset, slot_.encode()); !written) return written;
  if (const auto synced = disk_.sync(file_); !synced) return synced;
  return {};
}

}  // namespace mailrace::spool
