// SPDX-License-Identifier: GPL-3.0-or-later
// Assertions for our own mistakes: the process stops rather than lie about mail.
#pragma once

namespace mailrace::core {

/// Prints `file:line: check failed: expression` to stderr and aborts. Never returns.
[[noreturn]] void check_failed(const char* file, int line, const char* expression) noexcept;

}  // namespace mailrace::core

/// On in every build: what must be true whatever the peer or the disk does.
#define MAILRACE_CHECK(expression) \
  (static_cast<bool>(expression)   \
       ? static_cast<void>(0)      \
       : ::mailrace::core::check_failed(__FILE__, __LINE__, #expression))

/// For loops over octets: on in debug builds only.
#ifdef NDEBUG
#define MAILRACE_DCHECK(expression) static_cast<void>(sizeof(static_cast<bool>(expression)))
#else
#define MAILRACE_DCHECK(expression) MAILRACE_CHECK(expression)
#endif
