// SPDX-License-Identifier: GPL-3.0-or-later
// The library's parser, without its OCSP client: nothing is asked of a responder here.
#include "net/tls_ocsp.h"

#include "net/tls_date.h"
#include "net/tls_wolfssl.h"

#include <wolfssl/wolfcrypt/asn.h>

#include <string.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace mailrace::net {

#ifdef MAILRACE_TLS_STAPLES
namespace {

std::string_view text_of(const byte* octets, int bytes) noexcept {
  return {reinterpret_cast<const char*>(octets), size_t(std::max(bytes, 0))};
}

// A positive integer may have a zero in front.
std::string_view without_zeros(std::string_view integer) noexcept {
  return integer.substr(std::min(integer.find_first_not_of('\0'), integer.size()));
}

struct FreeResponse {
  void operator()(OcspResponse* response) const noexcept { FreeOcspResponse(response); }
};

// The library tells no length of it.
core::WallTime next_update(const CertStatus& status) noexcept {
  const auto* const digits = reinterpret_cast<const char*>(status.nextDate);
  return read_asn_date({digits, ::strnlen(digits, MAX_DATE_SIZE)});
}

// Whether it was read, and may be used for a certificate with this number; else what is wrong.
std::string judge(int error, const OcspResponse& response, const CertStatus& status,
                  std::string_view serial) {
  if (response.responseStatus > OCSP_SUCCESSFUL) {
    return "its status is " + std::to_string(response.responseStatus) + ", not successful";
  }
  if (error == ASN_AFTER_DATE_E) return "its time is over";
  if (error == ASN_BEFORE_DATE_E) return "its time has not begun";
  if (error != 0) return "no OCSP response in DER";
  if (without_zeros(text_of(status.serial, status.serialSz)) != without_zeros(serial)) {
    return "it is about another certificate";
  }
  if (status.status != CERT_GOOD) return "it does not say that the certificate is good";
  if (next_update(status) == core::WallTime{}) return "it does not say until when it holds";
  return {};
}

}  // namespace

tl::expected<TlsOcspResponse, std::string> read_ocsp_response(std::string der,
                                                              std::string_view serial) {
  CertStatus status{};
  OcspEntry entry{};
  OcspResponse response;
  InitOcspResponse(&response, &entry, &status, reinterpret_cast<byte*>(der.data()),
                   word32(der.size()), nullptr);
  const std::unique_ptr<OcspResponse, FreeResponse> freed(&response);
  const int error = OcspResponseDecode(&response, nullptr, nullptr, /*noVerifyCert=*/1,
                                       /*noVerifySignature=*/1);
  std::string wrong = judge(error, response, status, serial);
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return TlsOcspResponse{std::move(der), next_update(status)};
}

#else

tl::expected<TlsOcspResponse, std::string> read_ocsp_response(std::string, std::string_view) {
  return tl::unexpected(std::string("this build of wolfSSL staples nothing"));
}

#endif

}  // namespace mailrace::net
