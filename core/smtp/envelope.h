// SPDX-License-Identifier: GPL-3.0-or-later
// What a mail carries besides its data: handed to the spool when mail data begins.
#pragma once

#include "core/base/ip.h"
#include "core/base/text_chain.h"
#include "core/base/time.h"

#include <cstdint>
#include <string_view>

namespace mailrace::core {

/// The BODY parameter of MAIL (RFC 6152). The numbers are on disk: never reuse one.
enum class BodyType : uint8_t { unspecified = 0, seven_bit = 1, eight_bit_mime = 2 };

/// Views into the session's transaction; valid for the call that takes the envelope.
struct Envelope {
  WallTime received_at;                      // when mail data began
  Endpoint peer;                             // the client's address and port
  std::string_view helo;                     // argument of EHLO or HELO
  std::string_view protocol;                 // RFC 3848: "SMTP", "ESMTP", ...
  std::string_view reverse_path;             // without angle brackets; empty: the null reverse-path
  const TextChain* forward_paths = nullptr;  // without angle brackets; at least one
  BodyType body = BodyType::unspecified;
  uint64_t size_declared = 0;  // SIZE= of RFC 1870; 0 if absent
};

}  // namespace mailrace::core
