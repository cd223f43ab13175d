// SPDX-License-Identifier: GPL-3.0-or-later
// Which recipients are ours: the domains that this server takes mail for.
#pragma once

#include "core/smtp/server_session.h"

#include <string>
#include <string_view>
#include <unordered_set>

namespace mailrace::core {

/// A set of domains, built once and only read afterwards.
class RecipientDomains {
 public:
  /// Whether a name can be added: a domain, with U-labels or not, that IDNA knows.
  static bool is_recipient_domain(std::string_view name);

  /// Adds a domain under all of its names. Requires: is_recipient_domain(domain).
  void add(std::string_view domain);

  /// Takes mail for any domain: a sink for load tests, an open door for everybody else.
  void accept_any() noexcept { any_ = true; }

  bool empty() const noexcept { return domains_.empty() && !any_; }

  /// Judges a recipient by its domain; without one it is <Postmaster>, who is always ours.
  ///
  /// domain   as Step::domain: parsed, A-labels and U-labels are the same
  /// source   RFC 5321 section 3.6.2, section 4.5.1 (postmaster), section 7.9 (no relaying); RFC
  ///          5890 section 2.3.2.1
  Verdict judge(std::string_view domain) const noexcept;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_set<std::string, Hash, std::equal_to<>> domains_;  // A-labels in lower case
  bool any_ = false;
};

}  // namespace mailrace::core
