// SPDX-License-Identifier: GPL-3.0-or-later
// What of wolfSSL is built: TLS 1.2 and 1.3 with today's algorithms. Read by C, C++ and assembler:
// preprocessor directives only. The reason of each choice that has one is in net/TLS.md.
#pragma once

#include <wolfssl/version.h>

// --- platform ------------------------------------------------------------------------------------

#define HAVE_LIMITS_H 1
#define HAVE_C___ATOMIC 1
#define WOLFSSL_HAVE_ATOMIC_H  // reference counts without a mutex
#define WOLFSSL_HAVE_ASSERT_H
#define HAVE_THREAD_LS
#define HAVE_PTHREAD 1
#define HAVE___UINT128_T 1
#define SIZEOF_LONG 8
#define SIZEOF_LONG_LONG 8
#define HAVE_GMTIME_R 1
// Each session seeds its own generator: by one system call, not by opening /dev/urandom.
#define HAVE_GETRANDOM 1
#define WOLFSSL_GETRANDOM 1  // the same, as 5.7.2 spells it
#define WOLFSSL_USE_ALIGN
#define WOLFSSL_USER_IO  // no socket code: we move the octets
#define WC_NO_ASYNC_THREADING

// --- arithmetic: in constant time ----------------------------------------------------------------

#define WOLFSSL_SP_MATH_ALL
#define WOLFSSL_HAVE_SP_RSA
#define WOLFSSL_HAVE_SP_ECC
#define WOLFSSL_SP_384
#define WOLFSSL_SP_4096
#define WOLFSSL_SP_LARGE_CODE
#define TFM_TIMING_RESISTANT
#define ECC_TIMING_RESISTANT
#define WC_RSA_BLINDING

// Assembly; what the processor has is found at run time.
#if defined(__x86_64__)
#ifndef WOLFSSL_X86_64_BUILD
#define WOLFSSL_X86_64_BUILD
#endif
#define WOLFSSL_AESNI
#define USE_INTEL_SPEEDUP
#define WOLFSSL_SP_X86_64
#define WOLFSSL_SP_ASM
#define WOLFSSL_SP_X86_64_ASM
#endif

// --- protocol ------------------------------------------------------------------------------------

#define WOLFSSL_TLS13
#define WOLFSSL_TLS13_MIDDLEBOX_COMPAT  // RFC 8446 appendix D.4
#define NO_OLD_TLS
#define WOLFSSL_AEAD_ONLY
#define HAVE_TLS_EXTENSIONS
#define HAVE_SUPPORTED_CURVES
#define HAVE_EXTENDED_MASTER
#define HAVE_SERVER_RENEGOTIATION_INFO
#define HAVE_SNI
#define HAVE_SESSION_TICKET
#define WOLFSSL_NO_DEF_TICKET_ENC_CB  // ticket keys are ours, and shared
// The session cache cannot be left out beside tickets: it is small, and off at run time.
#define SMALL_SESSION_CACHE
#define NO_CLIENT_CACHE
#define NO_SESSION_CACHE_REF
// Stapling of OCSP responses. Nothing is ever asked of a responder: that client is not enabled.
#if LIBWOLFSSL_VERSION_HEX >= 0x05009002
#define HAVE_OCSP
#define HAVE_CERTIFICATE_STATUS_REQUEST
#endif
#define WOLFSSL_ALWAYS_VERIFY_CB   // a client's certificate is seen when it comes, and not kept
#define WOLFSSL_MAX_SUITE_SZ 1024  // octets; the default refuses clients with more than 150 suites
#define MAX_PSK_ID_LEN 4096        // octets; the default refuses clients with tickets of others

// --- algorithms ----------------------------------------------------------------------------------

#define HAVE_AESGCM
#define GCM_TABLE_4BIT  // without AES-NI
#define HAVE_CHACHA
#define HAVE_POLY1305
#define HAVE_ECC
#define ECC_SHAMIR
#define ECC_USER_CURVES  // P-256 and what follows: a context's list does not keep P-521 out
#define ECC_MIN_KEY_SZ 256
#define HAVE_ECC384
#define HAVE_CURVE25519
#define HAVE_HKDF
#define WC_RSA_PSS
#define WOLFSSL_PSS_LONG_SALT
#define WOLFSSL_SHA384
#define WOLFSSL_SHA512
#define WOLFSSL_SHA3
#define WOLFSSL_SHAKE128
#define WOLFSSL_SHAKE256
#define HAVE_HASHDRBG
#define WOLFSSL_ASN_TEMPLATE
#define WOLFSSL_BASE64_ENCODE
#if LIBWOLFSSL_VERSION_HEX >= 0x05008000
#define WOLFSSL_HAVE_MLKEM
#define WOLFSSL_TLS_NO_MLKEM_STANDALONE
#define WOLFSSL_PQC_HYBRIDS
#endif

// --- left out ------------------------------------------------------------------------------------

#define NO_PSK
#define NO_DSA
#define NO_DH
#define NO_MD4
#define NO_MD5
#define NO_RC4
#define NO_DES3
#define NO_DES3_TLS_SUITES
#define NO_PKCS12
#define NO_DO178
#define NO_MAIN_DRIVER
#define NO_OLD_RNGNAME
#define NO_OLD_WC_NAMES
#define NO_OLD_SSL_NAMES
#define NO_OLD_SHA_NAMES
