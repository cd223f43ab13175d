// SPDX-License-Identifier: GPL-3.0-or-later
// What it was built with is known from the settings that its headers follow.
#include "net/tls_library.h"

#include "net/tls_wolfssl.h"

namespace mailrace::net {

std::string_view tls_library_version() noexcept { return wolfSSL_lib_version(); }

bool tls_library_has_assembly() noexcept {
#if defined(WOLFSSL_AESNI) && defined(USE_INTEL_SPEEDUP) && defined(WOLFSSL_SP_ASM)
  return true;
#elif defined(WOLFSSL_ARMASM) && defined(WOLFSSL_SP_ASM)
  return true;
#else
  return false;
#endif
}

bool tls_library_staples() noexcept {
#ifdef MAILRACE_TLS_STAPLES
  return true;
#else
  return false;
#endif
}

}  // namespace mailrace::net
