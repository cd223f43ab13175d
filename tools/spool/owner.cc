// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/spool/owner.h"

#include "tools/spool/output.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mailrace::tools {

bool is_owner(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    complain_errno(directory, errno);
    return false;
  }
  if (status.st_uid == ::geteuid()) return true;
  complain(directory + ": belongs to user " + std::to_string(status.st_uid) +
           ": do this as that user");
  return false;
}

}  // namespace mailrace::tools
