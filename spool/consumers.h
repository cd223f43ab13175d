// SPDX-License-Identifier: GPL-3.0-or-later
// The consumers of a spool: their names and their cursor files.
#pragma once

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/port/disk.h"
#include "spool/cursor.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::spool {

/// What a consumer may be called: 1 to kConsumerNameBytesMax letters, digits, hyphens, underscores
/// and dots, the first of them a letter or digit.
bool is_consumer_name(std::string_view name) noexcept;

/// "SPOOL/consumers"
std::string consumers_path(const std::string& spool_path);
/// "SPOOL/consumers/NAME.cursor"
std::string cursor_path(const std::string& spool_path, std::string_view name);

/// Names of all registered consumers, sorted.
/// fails   io: the directory is there and cannot be listed
core::Result<std::vector<std::string>> list_consumers(core::Disk& disk,
                                                      const std::string& spool_path);

/// The state that holds in a cursor file, whether its consumer runs or not. A file whose
/// registration a crash cut short reads as a consumer that nothing was handed out to.
/// fails   io; corrupt: there is no state in it; unsupported
core::Result<CursorSlot> read_cursor(core::Disk& disk, const std::string& path);

/// By worker: the greatest number of a segment that a cursor's position is in. Segments that a
/// consumer has passed may be gone, and with them the knowledge of their numbers; a number that
/// came again would be passed over.
/// failed   is called with the path of each cursor that cannot be read
std::map<uint32_t, uint64_t> cursor_segments(
    core::Disk& disk, const std::string& spool_path,
    const std::function<void(const std::string& path, const core::Error& error)>& failed);

/// Removes the cursor file. Requires: no consumer of that name runs.
core::Result<void> forget_consumer(core::Disk& disk, const std::string& spool_path,
                                   std::string_view name);

/// The cursor file of a running consumer, the only one that writes to it. Two states stand in it,
/// and the older one is overwritten: an update that a crash tears leaves the newer one.
class CursorFile {
 public:
  /// disk   must outlive this
  /// name   is_consumer_name()
  CursorFile(core::Disk& disk, const std::string& spool_path, std::string_view name);
  CursorFile(const CursorFile&) = delete;
  CursorFile& operator=(const CursorFile&) = delete;
  ~CursorFile();

  /// Reads the state, or registers the consumer: when this returns, the name is stable.
  /// fails   as read_cursor(); busy: kConsumersMax are registered
  core::Result<void> open();

  /// The state in memory. Only save() makes it last.
  Cursor& cursor() noexcept { return slot_.cursor; }
  const Cursor& cursor() const noexcept { return slot_.cursor; }

  /// Makes the state stable, in the file that has the consumer's name. After a failure the file has
  /// the one saved before or this one, and save() may be tried again.
  /// fails   io, no_space; io: the file is not there any more, or another one has its name
  core::Result<void> save(core::WallTime now);

 private:
  core::Result<void> create();
  core::Result<void> write_slot(size_t index);
  core::Result<void> check_name();

  core::Disk& disk_;
  std::string spool_path_;
  std::string path_;
  core::FileHandle file_;
  CursorSlot slot_;
  size_t next_slot_ = 0;  // that the next save() writes to
};

}  // namespace mailrace::spool
