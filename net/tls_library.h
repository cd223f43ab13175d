// SPDX-License-Identifier: GPL-3.0-or-later
// The TLS library as a whole: which one it is, and its begin and end.
#pragma once

#include <string_view>

namespace mailrace::net {

/// The version that runs, as in "5.9.2".
std::string_view tls_library_version() noexcept;

/// Whether it was built with this architecture's assembly; without, it is many times slower.
bool tls_library_has_assembly() noexcept;

/// Whether an OCSP response can be stapled to a certificate.
bool tls_library_staples() noexcept;

/// Has the library choose its code for this processor, which it does at first use, and not as if
/// there were several threads. To be called before anything that sessions are made of; any thread,
/// any number of times.
void tls_library_prepare() noexcept;

}  // namespace mailrace::net
