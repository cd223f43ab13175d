// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a list of networks: a mistake lies where it is said to; without one, each line alone
// is a list as well, and every network is in the set that is made of all.
#include "core/base/check.h"
#include "core/policy/network_list.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace mailrace::core {
namespace {

void check_error(std::string_view text, const NetworkListError& error) {
  MAILRACE_CHECK(error.line >= 1);
  for (size_t line = 1; line < error.line; ++line) {
    const size_t end = text.find('\n');
    MAILRACE_CHECK(end != std::string_view::npos);
    MAILRACE_CHECK(parse_network_list(text.substr(0, end)).error.what == nullptr);
    text = text.substr(end + 1);
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  MAILRACE_CHECK(error.column >= 1);
  MAILRACE_CHECK(error.column <= line.size());
  const auto again = parse_network_list(line).error;
  MAILRACE_CHECK(again.what == error.what);
  MAILRACE_CHECK(again.line == 1);
  MAILRACE_CHECK(again.column == error.column);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParsedNetworkList list = parse_network_list(text);
  if (list.error.what != nullptr) {
    MAILRACE_CHECK(list.networks.empty());
    check_error(text, list.error);
    return 0;
  }
  const auto lines = size_t(std::ranges::count(text, '\n')) + 1;
  MAILRACE_CHECK(list.networks.size() <= lines);
  const CidrSet set(list.networks);
  for (const CidrPrefix& network : list.networks) {
    MAILRACE_CHECK(network.contains(network.address));
    const auto found = set.longest_match(network.address);
    MAILRACE_CHECK(found.has_value());
    MAILRACE_CHECK(found->bits >= network.bits);
  }
  return 0;
}

}  // namespace mailrace::core
