// SPDX-License-Identifier: GPL-3.0-or-later
// What is told of a session's TLS: in the trace of a mail, in its envelope and in the log.
#pragma once

#include <string_view>

namespace mailrace::core {

/// The TLS that a session is under. All empty: none. Views of whoever runs TLS; the first three are
/// static.
struct TlsFacts {
  std::string_view version = {};      // "TLS1.3"; <= kTlsVersionBytesMax
  std::string_view cipher = {};       // IANA's name of the suite; <= kTlsCipherBytesMax
  std::string_view group = {};        // of the key exchange, if there was one; <= kTlsGroupBytesMax
  std::string_view server_name = {};  // that the client asked for; a host name in lower case
  /// The common name in the client's certificate, which nobody has verified: printable ASCII
  /// without parentheses, quotes and backslashes; <= kTlsClientBytesMax.
  std::string_view client = {};
  bool is_resumed = false;  // by a ticket of an earlier session

  bool is_on() const noexcept { return !version.empty(); }
};

}  // namespace mailrace::core
