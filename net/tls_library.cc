// SPDX-License-Identifier: GPL-3.0-or-later
// What it was built with is known from the settings that its headers follow.
#include "net/tls_library.h"

#include "net/tls_wolfssl.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/random.h>
#if defined(WOLFSSL_HAVE_MLKEM) && __has_include(<wolfssl/wolfcrypt/wc_mlkem.h>)
#include <wolfssl/wolfcrypt/wc_mlkem.h>
#define MAILRACE_TLS_MLKEM
#endif

#include <array>

namespace mailrace::net {
namespace {

// Each algorithm once. What comes of it is of no interest; if it fails, a handshake will.
bool use_all() noexcept {
  std::array<byte, 64> octets{};
  std::array<byte, 16> tag;
  byte* const data = octets.data();
  wc_Sha256Hash(data, 1, data);
  wc_Sha512Hash(data, 1, data);
#ifdef WOLFSSL_SHA3
  wc_Sha3_256Hash(data, 1, data);
#endif
  Aes aes;
  if (wc_AesInit(&aes, nullptr, INVALID_DEVID) == 0) {
    wc_AesGcmSetKey(&aes, data, 16);
    wc_AesGcmEncrypt(&aes, data, data, 16, data, 12, tag.data(), word32(tag.size()), nullptr, 0);
    wc_AesFree(&aes);
  }
  wc_ChaCha20Poly1305_Encrypt(data, data, nullptr, 0, data, 16, data, tag.data());
  WC_RNG random;
  curve25519_key key;
  if (wc_InitRng(&random) != 0) return false;
  if (wc_curve25519_init(&key) == 0) {
    wc_curve25519_make_key(&random, CURVE25519_KEYSIZE, &key);
    wc_curve25519_free(&key);
  }
  ecc_key curve_key;
  if (wc_ecc_init(&curve_key) == 0) {
    wc_ecc_make_key(&random, 32, &curve_key);
    wc_ecc_free(&curve_key);
  }
#ifdef MAILRACE_TLS_MLKEM
  MlKemKey mlkem_key;
  if (wc_MlKemKey_Init(&mlkem_key, WC_ML_KEM_768, nullptr, INVALID_DEVID) == 0) {
    wc_MlKemKey_MakeKey(&mlkem_key, &random);
    wc_MlKemKey_Free(&mlkem_key);
  }
#endif
  wc_FreeRng(&random);
  return true;
}

}  // namespace

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

void tls_library_prepare() noexcept {
  static const bool is_done = use_all();
  static_cast<void>(is_done);
}

}  // namespace mailrace::net
