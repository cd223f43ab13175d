// SPDX-License-Identifier: GPL-3.0-or-later
// Options stand behind the address as NAME=VALUE or NAME, with commas between them.
#include "tools/serve/listen_address.h"

#include "tools/lib/flag_text.h"

namespace mailrace::tools {
namespace {

// Takes the text up to the next comma off `rest`.
std::string_view take_piece(std::string_view& rest) {
  const size_t comma = rest.find(',');
  const std::string_view piece = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return piece;
}

std::optional<core::Durability> durability_of(std::string_view name) {
  for (const auto durability : {core::Durability::disk, core::Durability::page_cache}) {
    if (name == core::durability_name(durability)) return durability;
  }
  return std::nullopt;
}

// returns   what is wrong with the option, or nothing
std::optional<std::string> set_option(ListenAddress& address, std::string_view option) {
  const size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  if (name == "tls-required") {
    if (equals != std::string_view::npos) return "tls-required has no value";
    if (address.needs_tls) return "tls-required is given twice";
    address.needs_tls = true;
    return std::nullopt;
  }
  if (name != "durability") return "there is no option " + in_quotes(name);
  if (address.durability) return "durability is given twice";
  if (equals == std::string_view::npos) return "durability has no value";
  const std::string_view value = option.substr(equals + 1);
  address.durability = durability_of(value);
  if (!address.durability) return "there is no durability " + in_quotes(value);
  return std::nullopt;
}

}  // namespace

tl::expected<ListenAddress, std::string> parse_listen_address(std::string_view text) {
  const bool more_to_come = text.ends_with(',');
  const auto endpoint = core::parse_endpoint(take_piece(text));
  if (!endpoint) return tl::unexpected(std::string());
  ListenAddress address{*endpoint};
  while (!text.empty()) {
    if (auto wrong = set_option(address, take_piece(text))) return tl::unexpected(*wrong);
  }
  if (more_to_come) return tl::unexpected(std::string("an option is missing behind the comma"));
  return address;
}

}  // namespace mailrace::tools
