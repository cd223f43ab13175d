// SPDX-License-Identifier: GPL-3.0-or-later
// A file of networks: one a line, and what is behind a '#' is for people.
#pragma once

#include "core/base/cidr.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mailrace::core {

/// What is wrong with a list, and where. Both count from 1; the column counts octets.
struct NetworkListError {
  const char* what = nullptr;  // static string
  size_t line = 0;
  size_t column = 0;
};

struct ParsedNetworkList {
  std::vector<CidrPrefix> networks;  // in the order of the lines
  NetworkListError error = {};       // error.what is nullptr: there is none
};

/// Reads networks as parse_cidr() has them. Around them there may be blanks and tabs, lines end
/// with LF or CRLF, and lines with nothing, or nothing but a comment, are passed over. One mistake
/// and nothing is taken: half a list of whom to keep out is not what anybody meant.
///
/// fails   also when there are more than kListNetworksMax networks
ParsedNetworkList parse_network_list(std::string_view text);

}  // namespace mailrace::core
