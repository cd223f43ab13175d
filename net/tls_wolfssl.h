// SPDX-License-Identifier: GPL-3.0-or-later
// wolfSSL's headers behind the settings that it was built with: nothing of it may be included
// without.
#pragma once

#ifndef WOLFSSL_USER_SETTINGS
#include <wolfssl/options.h>
#endif
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/settings.h>

// Older ones do not take an OCSP response from a callback, or not in TLS 1.3.
#if defined(HAVE_CERTIFICATE_STATUS_REQUEST) && LIBWOLFSSL_VERSION_HEX >= 0x05009002
#define MAILRACE_TLS_STAPLES
#endif
