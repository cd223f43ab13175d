// SPDX-License-Identifier: GPL-3.0-or-later
// A file is written beside the one that holds, and takes its name when it is stable.
#include "spool/mail_id_floor.h"

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "spool/segment.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace mailrace::spool {
namespace {

using core::load_le;
using core::store_le;

constexpr std::string_view kMagic = "MRACEIDF";
constexpr size_t kIdAt = 8;
constexpr size_t kCrcAt = 16;
constexpr size_t kBytes = 20;

using FloorOctets = std::array<std::byte, kBytes>;

FloorOctets encode(uint64_t mail_id) {
  FloorOctets octets;
  std::memcpy(octets.data(), kMagic.data(), kMagic.size());
  store_le(octets.data() + kIdAt, mail_id);
  store_le(octets.data() + kCrcAt, core::crc32c(0, core::Octets(octets).first(kCrcAt)));
  return octets;
}

core::Result<core::FileHandle> create_anew(core::Disk& disk, const std::string& path) {
  auto file = disk.create(path);
  if (file || file.error().sys_errno != EEXIST) return file;
  if (const auto removed = disk.remove(path); !removed) {  // a crash left it
    return tl::unexpected<core::Error>(removed.error());
  }
  return disk.create(path);
}

}  // namespace

std::string mail_id_floor_path(const std::string& spool_path, uint32_t worker) {
  return spool_path + "/" + worker_directory_name(worker) + "/mail-id-floor";
}

core::Result<uint64_t> read_mail_id_floor(core::Disk& disk, const std::string& spool_path,
                                          uint32_t worker) {
  const auto file = disk.open(mail_id_floor_path(spool_path, worker), /*writable=*/false);
  if (!file && file.error().sys_errno == ENOENT) return uint64_t{0};
  if (!file) return tl::unexpected<core::Error>(file.error());
  FloorOctets octets{};
  const auto read = disk.read(*file, 0, octets);
  disk.close(*file);
  if (!read) return tl::unexpected<core::Error>(read.error());
  const auto mail_id = load_le<uint64_t>(octets.data() + kIdAt);
  if (*read != kBytes || octets != encode(mail_id)) {
    return core::fail(core::Errc::corrupt, "mail-id-floor does not check");
  }
  return mail_id;
}

core::Result<void> write_mail_id_floor(core::Disk& disk, const std::string& spool_path,
                                       uint32_t worker, uint64_t mail_id) {
  const std::string path = mail_id_floor_path(spool_path, worker);
  const std::string new_path = path + ".new";
  MAILRACE_TRY(const core::FileHandle file, create_anew(disk, new_path));
  auto done = disk.write(file, 0, encode(mail_id));
  if (done) done = disk.sync(file);
  disk.close(file);
  if (!done) return done;
  return disk.rename(new_path, path);
}

}  // namespace mailrace::spool
