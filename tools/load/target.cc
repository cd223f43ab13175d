// SPDX-License-Identifier: GPL-3.0-or-later
// PROTOCOL:WHERE, of which the first part may be missing.
#include "tools/load/target.h"

#include "core/base/check.h"
#include "net/socket_address.h"

#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace mailrace::tools {
namespace {

constexpr std::string_view kSmtp = "smtp:";
constexpr std::string_view kLmtp = "lmtp:";

}  // namespace

FromText<LoadTarget> parse_load_target(std::string_view text) {
  LoadTarget target;
  if (text.starts_with(kLmtp)) target.protocol = LoadProtocol::lmtp;
  if (text.starts_with(kLmtp) || text.starts_with(kSmtp)) text.remove_prefix(kSmtp.size());
  if (text.starts_with('/')) {
    if (text.size() >= sizeof(sockaddr_un::sun_path)) {
      return tl::unexpected(std::string("the path is longer than a socket's may be"));
    }
    target.path = text;
    return target;
  }
  const auto endpoint = core::parse_endpoint(text);
  if (!endpoint || endpoint->port == 0) return tl::unexpected(std::string());
  target.endpoint = *endpoint;
  return target;
}

socklen_t to_socket_address(const LoadTarget& load_target, sockaddr_storage& target) noexcept {
  if (!load_target.is_unix()) return net::to_socket_address(load_target.endpoint, target);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  MAILRACE_CHECK(load_target.path.size() < sizeof name.sun_path);
  std::memcpy(name.sun_path, load_target.path.data(), load_target.path.size());
  target = {};
  std::memcpy(&target, &name, sizeof name);
  return socklen_t(offsetof(sockaddr_un, sun_path) + load_target.path.size() + 1);
}

}  // namespace mailrace::tools
