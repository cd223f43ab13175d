// SPDX-License-Identifier: GPL-3.0-or-later
// wolfSSL's headers behind the settings that it was built with: nothing of it may be included
// without.
#pragma once

#ifndef WOLFSSL_USER_SETTINGS
#include <wolfssl/options.h>
#endif
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/settings.h>
