// SPDX-License-Identifier: GPL-3.0-or-later
// Kernel results as Errors.
#include "core/base/result.h"

#include <cerrno>

namespace mailrace::core {

tl::unexpected<Error> fail_errno(int negative_errno, const char* where) noexcept {
  const int value = negative_errno < 0 ? -negative_errno : negative_errno;
  const bool no_space = value == ENOSPC || value == EDQUOT;
  return tl::unexpected<Error>(Error{no_space ? Errc::no_space : Errc::io, value, where});
}

}  // namespace mailrace::core
