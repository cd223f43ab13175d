// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/policy/network_list.h"

#include "core/base/limits.h"

namespace mailrace::core {
namespace {

constexpr std::string_view kBlanks = " \t";

const char* explain(CidrError error) noexcept {
  switch (error) {
    case CidrError::none:
      return nullptr;
    case CidrError::address:
      return "this is no IP address and no network";
    case CidrError::length:
      return "the number behind the slash is no length of a prefix";
    case CidrError::host_bits:
      return "bits behind the prefix are set";
  }
  return nullptr;
}

// The network in a line, without what is around it; where it begins is where it lies in the line.
std::string_view network_in(std::string_view line) noexcept {
  line = line.substr(0, line.find('#'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  const size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin);
}

}  // namespace

ParsedNetworkList parse_network_list(std::string_view text) {
  ParsedNetworkList list;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::string_view network = network_in(line);
    if (network.empty()) continue;
    const ParsedCidr parsed = parse_cidr(network);
    const bool fits = list.networks.size() < kListNetworksMax;
    if (parsed.error == CidrError::none && fits) {
      list.networks.push_back(parsed.prefix);
      continue;
    }
    const char* const what = fits ? explain(parsed.error) : "there are too many networks";
    return {{}, {what, number, size_t(network.data() - line.data()) + 1}};
  }
  return list;
}

}  // namespace mailrace::core
