// SPDX-License-Identifier: GPL-3.0-or-later
// Domains compare without case (RFC 5321 section 2.4); the set holds lower case.
#include "core/policy/recipient_domains.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace mailrace::core {
namespace {

using Lowered = std::array<char, kDomainBytesMax>;

std::string_view lower(std::string_view domain, Lowered& target) noexcept {
  MAILRACE_CHECK(domain.size() <= target.size());
  std::ranges::transform(domain, target.begin(), to_lower);
  return {target.data(), domain.size()};
}

}  // namespace

void RecipientDomains::add(std::string_view domain) {
  MAILRACE_CHECK(is_domain(domain));
  Lowered lowered;
  domains_.emplace(lower(domain, lowered));
}

Verdict RecipientDomains::judge(std::string_view domain) const noexcept {
  if (any_ || domain.empty()) return Verdict::accept();
  Lowered lowered;
  if (domains_.contains(lower(domain, lowered))) return Verdict::accept();
  return Verdict::refuse(ReplyId::relay_denied);
}

}  // namespace mailrace::core
