// SPDX-License-Identifier: GPL-3.0-or-later
// What an OCSP responder has said of a certificate, to be stapled to it.
#pragma once

#include "core/base/time.h"

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace mailrace::net {

struct TlsOcspResponse {
  std::string der;             // empty: none
  core::WallTime next_update;  // it is not to be used from then on
};

/// Reads a response that somebody else has fetched. Its signature is not verified: whoever can
/// write the file can write the key beside it, and clients verify it.
///
/// der      an OCSPResponse
/// serial   number of the certificate that it must be about, as it stands there
/// fails    with a few words on what is wrong: not successful, too old, about another certificate
/// source   RFC 6960 section 4.2.1
tl::expected<TlsOcspResponse, std::string> read_ocsp_response(std::string der,
                                                              std::string_view serial);

}  // namespace mailrace::net
