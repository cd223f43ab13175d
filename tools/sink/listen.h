// SPDX-License-Identifier: GPL-3.0-or-later
// Where a sink listens: addresses and UNIX sockets as text, and their sockets, one for each worker.
#pragma once

#include "core/base/ip.h"
#include "net/listener.h"

#include <tl/expected.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mailrace::tools {

/// The path of a UNIX socket.
struct UnixPath {
  std::string path;
};
using SinkAddress = std::variant<core::Endpoint, UnixPath>;

/// What parse_sink_address() reads, for messages and help.
inline constexpr std::string_view kSinkAddressSyntax =
    "ADDRESS:PORT or [ADDRESS]:PORT, numeric, or unix: and a path of up to 107 octets";

std::optional<SinkAddress> parse_sink_address(std::string_view text);

/// All sockets of a sink. UNIX sockets are taken away with it.
class SinkListeners {
 public:
  SinkListeners() = default;
  SinkListeners(const SinkListeners&) = delete;
  SinkListeners& operator=(const SinkListeners&) = delete;
  ~SinkListeners();

  /// Listens at each address, for each worker. To be called once.
  ///
  /// addresses   each one that parse_sink_address() reads
  /// returns     empty, or one line on what failed
  std::string open(const std::vector<std::string>& addresses, uint32_t workers);

  /// The sockets of a worker. To be called once for each.
  std::vector<net::ListeningSocket> take(uint32_t worker) { return std::move(sockets_[worker]); }

  /// Where they are, as text, in order: with the port that was found for port 0.
  const std::vector<std::string>& places() const noexcept { return places_; }

 private:
  bool open_endpoint(const core::Endpoint& endpoint);
  bool open_path(const UnixPath& address);

  std::vector<std::vector<net::ListeningSocket>> sockets_;  // by worker
  std::vector<std::string> places_;
  std::vector<std::string> paths_;
};

}  // namespace mailrace::tools
