// SPDX-License-Identifier: GPL-3.0-or-later
// Refuses further mail while the disk still has room for what others must write: consumers their
// cursors, operators their marks, and the workers what they have begun.
#pragma once

#include "spool/observed_writer.h"
#include "tools/lib/log.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// What is to be left; 0: as little as may be.
struct SpaceRules {
  uint64_t free_bytes = 0;
  uint64_t free_inodes = 0;
};

/// What a file system has left for who is not root.
struct Space {
  uint64_t free_bytes = 0;
  std::optional<uint64_t> free_inodes = {};  // some file systems do not count them
};

/// fails   nothing: it cannot be asked
std::optional<Space> space_of(const std::string& path);

/// Whether no further mail is to be begun. Once that is so, an eighth more than the rules ask for
/// must be there before it is over, so that it does not come and go with each segment.
bool is_scarce(const Space& space, const SpaceRules& rules, bool was_scarce) noexcept;

/// Tells the workers, and the log when it changes. On the housekeeping thread.
class SpaceWatch {
 public:
  /// watches   of the workers; outlive this
  SpaceWatch(std::string spool, const SpaceRules& rules, std::vector<spool::WriterWatch*> watches,
             Log& log);

  /// A spool that cannot be asked is as it was: writers notice what is wrong with it.
  void look();

 private:
  std::string spool_;
  SpaceRules rules_;
  std::vector<spool::WriterWatch*> watches_;
  Log& log_;
  bool is_scarce_ = false;
};

}  // namespace mailrace::tools
