// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as a ClientHello: what is complete is incomplete or complete before its end, never
// malformed, and the same with anything behind it; names are host names.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/tls/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <string>

namespace mailrace::core {
namespace {

HelloStatus parse(std::string_view stream, ClientHello& hello) {
  // Memory of its own, so that a sanitizer sees what is read behind it.
  const std::string copy(stream);
  return parse_client_hello(as_octets(copy), hello);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  ClientHello hello;
  const HelloStatus status = parse(stream, hello);
  if (status == HelloStatus::malformed) return 0;
  ClientHello cut;
  MAILRACE_CHECK(parse(stream.substr(0, size / 2), cut) != HelloStatus::malformed);
  if (status != HelloStatus::complete) return 0;
  ClientHello longer;
  MAILRACE_CHECK(parse(std::string(stream) + "x", longer) == HelloStatus::complete);
  MAILRACE_CHECK(longer.server_name.view() == hello.server_name.view());
  for (const auto kind : {KeyKind::ecdsa_p256, KeyKind::ecdsa_p384, KeyKind::rsa}) {
    MAILRACE_CHECK(longer.accepts(kind) == hello.accepts(kind));
  }
  const std::string_view name = hello.server_name.view();
  MAILRACE_CHECK(std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
  }));
  return 0;
}

}  // namespace mailrace::core
