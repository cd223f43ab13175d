// SPDX-License-Identifier: GPL-3.0-or-later
// How many descriptors this process may have.
#pragma once

#include <sys/resource.h>

namespace mailrace::tools {

/// Raises the soft limit to the hard one. The soft one is low for the sake of select(2), which is
/// not used here. It failing is no failure: there are fewer connections then.
inline void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace mailrace::tools
