// SPDX-License-Identifier: GPL-3.0-or-later
// What must be known of segments that are gone: the greatest mail id that stood in them.
#pragma once

#include "core/base/result.h"
#include "core/port/disk.h"

#include <cstdint>
#include <string>

namespace mailrace::spool {

/// "SPOOL/worker-0003/mail-id-floor"
std::string mail_id_floor_path(const std::string& spool_path, uint32_t worker);

/// Reads the file `mail-id-floor` of a worker's directory.
/// returns   no id up to this one may be given out again; 0: there is no such file
/// fails     io; corrupt: it says nothing
/// source    spool/FORMAT.md, "Mail-id floor"
core::Result<uint64_t> read_mail_id_floor(core::Disk& disk, const std::string& spool_path,
                                          uint32_t worker);

/// Makes the file say `mail_id`: when this returns that is stable. A crash leaves what it said
/// before, or that. One thread of one process at a time.
/// fails     io: it says what it said before
core::Result<void> write_mail_id_floor(core::Disk& disk, const std::string& spool_path,
                                       uint32_t worker, uint64_t mail_id);

}  // namespace mailrace::spool
