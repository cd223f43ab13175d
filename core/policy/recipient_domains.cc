// SPDX-License-Identifier: GPL-3.0-or-later
// Domains compare without case (RFC 5321 section 2.4); the set holds A-labels in lower case, so
// only names that are not ASCII cost more than that.
#include "core/policy/recipient_domains.h"

#include "core/base/check.h"
#include "core/base/idna.h"
#include "core/base/text.h"

#include <algorithm>

namespace mailrace::core {
namespace {

bool is_ascii(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return uint8_t(c) < 0x80; });
}

// returns   nothing for what is no domain to IDNA
std::optional<std::string_view> comparable(std::string_view domain, DomainBuffer& target) noexcept {
  MAILRACE_CHECK(domain.size() <= target.size());
  if (!is_ascii(domain)) return to_a_labels(domain, target);
  std::ranges::transform(domain, target.begin(), to_lower);
  return std::string_view(target.data(), domain.size());
}

}  // namespace

bool RecipientDomains::is_recipient_domain(std::string_view name) {
  if (is_ascii(name)) return is_domain(name);
  DomainBuffer buffer;
  return is_domain(name, Charset::utf8) && to_a_labels(name, buffer).has_value();
}

void RecipientDomains::add(std::string_view domain) {
  MAILRACE_CHECK(is_recipient_domain(domain));
  DomainBuffer buffer;
  domains_.emplace(*comparable(domain, buffer));
}

Verdict RecipientDomains::judge(std::string_view domain) const noexcept {
  if (any_ || domain.empty()) return Verdict::accept();
  DomainBuffer buffer;
  const auto name = comparable(domain, buffer);
  if (name && domains_.contains(*name)) return Verdict::accept();
  return Verdict::refuse(ReplyId::relay_denied);
}

}  // namespace mailrace::core
