// SPDX-License-Identifier: GPL-3.0-or-later
// Both layouts in use: certbot's directory for each name, and pairs of files side by side.
#include "tools/serve/tls_files.h"

#include "core/base/limits.h"
#include "net/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace mailrace::tools {
namespace {

namespace fs = std::filesystem;

tl::unexpected<std::string> failed(const std::string& path, const char* why) {
  return tl::unexpected(path + ": " + why);
}

std::optional<TlsFiles> certbot_pair(const fs::path& directory) {
  TlsFiles files{(directory / "fullchain.pem").string(), (directory / "privkey.pem").string()};
  std::error_code ignored;
  // Also a link that leads nowhere: it is meant, and to be complained of.
  if (!fs::exists(fs::symlink_status(files.chain, ignored))) return std::nullopt;
  return files;
}

}  // namespace

tl::expected<std::vector<TlsFiles>, std::string> find_tls_files(const std::string& value) {
  const size_t comma = value.find(',');
  if (comma != std::string::npos) {
    return std::vector<TlsFiles>{{value.substr(0, comma), value.substr(comma + 1)}};
  }
  if (auto pair = certbot_pair(value)) return std::vector<TlsFiles>{std::move(*pair)};
  std::error_code error;
  std::vector<TlsFiles> found;
  for (fs::directory_iterator at(value, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".crt") {
      found.push_back({at->path().string(), fs::path(at->path()).replace_extension(".key")});
    } else if (auto pair = certbot_pair(at->path())) {
      found.push_back(std::move(*pair));
    }
  }
  if (error) return failed(value, error.message().c_str());
  if (found.empty()) return failed(value, "no certificate in it");
  std::ranges::sort(found, {}, &TlsFiles::chain);
  return found;
}

std::vector<std::string> tls_places(const std::string& value) {
  std::vector<std::string> places;
  const auto add = [&places](const fs::path& directory, const fs::path& inside) {
    const bool is_root = directory == directory.root_path() && directory.has_root_path();
    const std::string place = is_root             ? inside.string()
                              : directory.empty() ? "."
                                                  : directory.string();
    if (std::ranges::find(places, place) == places.end()) places.push_back(place);
  };
  std::error_code ignored;
  const bool is_directory = fs::is_directory(value, ignored);
  std::vector<std::string> files;
  if (is_directory) places.push_back(value);
  if (is_directory || value.find(',') != std::string::npos) {
    for (const TlsFiles& pair : find_tls_files(value).value_or(std::vector<TlsFiles>{})) {
      files.insert(files.end(), {pair.chain, pair.key});
    }
  } else {
    files.push_back(value);
  }
  for (const std::string& file : files) {
    const fs::path path(file);
    const fs::path real = fs::canonical(path, ignored);
    if (!is_directory) add(path.parent_path(), path);
    if (real.empty() || real.parent_path() == fs::canonical(path.parent_path(), ignored)) continue;
    add(real.parent_path(), real);
    if (is_directory) add(real.parent_path().parent_path(), real.parent_path());
  }
  return places;
}

std::string ocsp_path(const TlsFiles& files) { return files.chain + ".ocsp"; }

tl::expected<std::string, std::string> read_tls_file(const std::string& path) {
  const net::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return failed(path, std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failed(path, "not a regular file");
  if (uint64_t(status.st_size) > core::kTlsFileBytesMax) return failed(path, "too long");
  std::string text(size_t(status.st_size), '\0');
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  const int error = errno;
  if (size == ssize_t(text.size())) return text;
  ::explicit_bzero(text.data(), text.size());  // it may be half a key
  return failed(path, size < 0 ? std::strerror(error) : "it changes while it is read");
}

TlsStamps tls_file_stamps(const std::vector<std::string>& paths) {
  TlsStamps stamps;
  for (const std::string& path : paths) {
    std::string& stamp = stamps[path];
    struct stat status {};
    if (!stamp.empty() || ::stat(path.c_str(), &status) != 0) continue;
    for (const int64_t part : {int64_t(status.st_mtim.tv_sec), int64_t(status.st_mtim.tv_nsec),
                               int64_t(status.st_ctim.tv_sec), int64_t(status.st_ctim.tv_nsec),
                               int64_t(status.st_size), int64_t(status.st_ino)}) {
      stamp += std::to_string(part) + ' ';
    }
  }
  return stamps;
}

}  // namespace mailrace::tools
