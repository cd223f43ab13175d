// SPDX-License-Identifier: GPL-3.0-or-later
// The certificates of tests/data/tls, and contexts made of them.
#pragma once

#include "core/base/check.h"
#include "net/tls_context.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace mailrace::tests {

/// A file of tests/data/tls.
inline std::string tls_file(const std::string& name) {
  std::ifstream file(std::string(MAILRACE_SOURCE_DIR "/tests/data/tls/") + name);
  MAILRACE_CHECK(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline net::TlsIdentity tls_identity(const std::string& name) {
  auto made = net::TlsIdentity::make(tls_file(name + ".pem"), tls_file(name + ".key"));
  MAILRACE_CHECK(made.has_value());
  return std::move(*made);
}

inline net::TlsTicketKeys ticket_keys(int count = 1) {
  net::TlsTicketKeys keys;
  for (int i = 0; i < count; ++i) MAILRACE_CHECK(keys.rotate());
  return keys;
}

/// names   of files; the first is the default
inline std::shared_ptr<net::TlsContext> tls_context(
    const std::vector<std::string>& names, const net::TlsRules& rules = {},
    const net::TlsTicketKeys& keys = ticket_keys()) {
  std::vector<net::TlsIdentity> identities;
  for (const std::string& name : names) identities.push_back(tls_identity(name));
  std::vector<const net::TlsIdentity*> borrowed;
  for (const net::TlsIdentity& identity : identities) borrowed.push_back(&identity);
  auto made = net::TlsContext::make(borrowed, rules, keys);
  MAILRACE_CHECK(made != nullptr);
  return made;
}

}  // namespace mailrace::tests
