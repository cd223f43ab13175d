// SPDX-License-Identifier: GPL-3.0-or-later
// Failure of the world outside (kernel, disk, file contents) as a value.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>

namespace mailrace::core {

enum class Errc : uint8_t {
  io,           // the kernel said no, see sys_errno
  no_space,     // ENOSPC or EDQUOT
  corrupt,      // octets on disk that no writer of ours wrote
  torn_tail,    // the end of what a crash let through
  unsupported,  // a format version or kernel feature that is not ours
  busy,         // a bounded resource is used up for now
};

/// What went wrong outside the process. Trivially copyable; owns nothing.
struct Error {
  Errc code = Errc::io;
  int sys_errno = 0;       // a positive errno, or 0
  const char* where = "";  // static string: the operation, e.g. "segment.write"
};

template <class T>
using Result = tl::expected<T, Error>;

/// An Error from a negative kernel result (-errno); ENOSPC and EDQUOT become Errc::no_space.
tl::unexpected<Error> fail_errno(int negative_errno, const char* where) noexcept;

inline tl::unexpected<Error> fail(Errc code, const char* where) noexcept {
  return tl::unexpected<Error>(Error{code, 0, where});
}

}  // namespace mailrace::core

#define MAILRACE_CONCAT_(a, b) a##b
#define MAILRACE_CONCAT(a, b) MAILRACE_CONCAT_(a, b)
/// MAILRACE_TRY(const X x, f()): binds the value of f(), or returns its Error to our caller.
#define MAILRACE_TRY(declaration, expression) \
  MAILRACE_TRY_(MAILRACE_CONCAT(try_result_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): neither a name that is declared nor a declaration can
// stand in parentheses.
#define MAILRACE_TRY_(result, declaration, expression)                           \
  auto result = (expression);                                                    \
  if (!result) return ::tl::unexpected<::mailrace::core::Error>(result.error()); \
  declaration = std::move(*result)
// NOLINTEND(bugprone-macro-parentheses)
