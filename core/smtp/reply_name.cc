// SPDX-License-Identifier: GPL-3.0-or-later
// The compiler knows the names; a second list of them would only come to differ.
#include "core/smtp/reply_name.h"

#include <array>
#include <cstddef>
#include <utility>

namespace mailrace::core {
namespace {

// "... Id = mailrace::core::ReplyId::greeting; ..." (GCC), or with "]" behind it (Clang).
template <ReplyId Id>
constexpr std::string_view name_of_reply() {
  constexpr std::string_view kFunction = __PRETTY_FUNCTION__;
  constexpr size_t kBegin = kFunction.find("Id = ");
  static_assert(kBegin != std::string_view::npos);
  constexpr size_t kEnd = kFunction.find_first_of(";]", kBegin);
  constexpr size_t kName = kFunction.rfind(':', kEnd) + 1;
  return kFunction.substr(kName, kEnd - kName);
}

template <size_t... I>
constexpr std::array<std::string_view, kReplyCount> names_of(std::index_sequence<I...>) {
  return {name_of_reply<ReplyId(I)>()...};
}

constexpr auto kNames = names_of(std::make_index_sequence<kReplyCount>());
static_assert(kNames[0] == "greeting");
static_assert(kNames[kReplyCount - 1] == "parameter_unknown");

}  // namespace

std::string_view reply_name(ReplyId id) noexcept { return kNames[size_t(id)]; }

}  // namespace mailrace::core
