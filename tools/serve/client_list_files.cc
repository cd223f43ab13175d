// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/client_list_files.h"

#include "core/base/limits.h"
#include "core/policy/network_list.h"
#include "net/fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace mailrace::tools {
namespace {

using Networks = std::vector<core::CidrPrefix>;
using Wrong = std::optional<std::string>;

Wrong failed(const std::string& path) { return path + ": " + std::strerror(errno); }

Wrong read_file(const std::string& path, std::string& text) {
  // Without O_NONBLOCK a pipe under this name would wait for a writer.
  const net::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return failed(path);
  if (!S_ISREG(status.st_mode)) return path + ": is no file";
  if (uint64_t(status.st_size) > core::kListFileBytesMax) {
    return path + ": is longer than " + std::to_string(core::kListFileBytesMax) + " octets";
  }
  text.resize(size_t(status.st_size) + 1);  // one more, to see that it has not grown
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path);
    if (got == 0) break;
    filled += size_t(got);
  }
  if (filled == text.size()) return path + ": is being written";
  text.resize(filled);
  return std::nullopt;
}

Wrong add_file(const std::string& path, Networks& networks) {
  std::string text;
  if (auto wrong = read_file(path, text)) return wrong;
  const core::ParsedNetworkList list = core::parse_network_list(text);
  if (list.error.what != nullptr) {
    return path + ":" + std::to_string(list.error.line) + ":" + std::to_string(list.error.column) +
           ": " + list.error.what;
  }
  networks.insert(networks.end(), list.networks.begin(), list.networks.end());
  if (networks.size() > core::kListNetworksMax) {
    return path + ": with it there are more than " + std::to_string(core::kListNetworksMax) +
           " networks";
  }
  return std::nullopt;
}

Wrong read_all(const std::string& flag, const std::vector<std::string>& paths, core::CidrSet& set) {
  Networks networks;
  for (const std::string& path : paths) {
    if (auto wrong = add_file(path, networks)) return flag + ": " + *wrong;
  }
  set = core::CidrSet(std::move(networks));
  return std::nullopt;
}

}  // namespace

tl::expected<std::shared_ptr<const core::ClientLists>, std::string> read_client_lists(
    const std::vector<std::string>& allow, const std::vector<std::string>& block) {
  if (allow.empty() && block.empty()) return nullptr;
  auto lists = std::make_shared<core::ClientLists>();
  if (auto wrong = read_all("--allow-list", allow, lists->allowed)) return tl::unexpected(*wrong);
  if (auto wrong = read_all("--block-list", block, lists->blocked)) return tl::unexpected(*wrong);
  return lists;
}

}  // namespace mailrace::tools
