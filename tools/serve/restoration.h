// SPDX-License-Identifier: GPL-3.0-or-later
// Makes directories again that somebody took away under the running server.
#pragma once

#include "core/base/result.h"
#include "spool/observed_writer.h"
#include "tools/lib/log.h"
#include "tools/lib/posix_disk.h"
#include "tools/serve/spool_directories.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Helps workers whose writers have lost their directories (see WriterWatch::losses()), and watches
/// over the spool's lock: whoever else has it may have begun to use all that is there, so no worker
/// writes any more. Meanwhile those workers refuse mail. Waits for the disk as long as it takes, so
/// it is not for a worker's thread.
class Restoration {
 public:
  /// directories, log   outlive this
  /// watches            of the workers, by number; nullptr: not ours; outlive this
  Restoration(std::string spool, SpoolDirectories& directories,
              std::vector<spool::WriterWatch*> watches, Log& log);

  /// Looks once, and does what is to be done. What fails is tried again by the next look, and
  /// logged when it changes.
  /// returns   whether anything was amiss: the spool may be another one than before
  bool look();

 private:
  std::optional<std::string> restore(const std::vector<uint64_t>& losses);
  core::Result<uint64_t> first_segment(uint32_t worker);

  std::string spool_;
  SpoolDirectories& directories_;
  std::vector<spool::WriterWatch*> watches_;
  Log& log_;
  PosixDisk disk_;
  std::string complained_;   // what was logged last; empty: all is well
  bool is_revoked_ = false;  // as of the last look: somebody else has the lock
};

}  // namespace mailrace::tools
