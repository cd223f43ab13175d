// SPDX-License-Identifier: GPL-3.0-or-later
// Names first, in order, so that a run with the same seed sends the same mails.
#include "tools/load/mail_folder.h"

#include "core/base/limits.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace mailrace::tools {
namespace {

namespace fs = std::filesystem;
using Texts = tl::expected<std::vector<std::string>, std::string>;

tl::unexpected<std::string> refused(std::string why) { return tl::unexpected(std::move(why)); }

tl::expected<std::string, std::string> read_file(const fs::path& path, uint64_t most) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char piece[65536];
  while (file.read(piece, sizeof piece) || file.gcount() > 0) {
    text.append(piece, size_t(file.gcount()));
    if (text.size() > most) {
      return refused("the mails have more than " +
                     std::to_string(core::kLoadMailFolderBytesMax >> 20) + " MiB");
    }
  }
  if (!file.eof()) return refused("cannot read " + path.filename().string());
  return text;
}

}  // namespace

std::string with_line_ends(std::string_view text) {
  std::string lines;
  lines.reserve(text.size() + text.size() / 32 + 2);
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    lines.append(text.substr(0, end)).append("\r\n");
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return lines;
}

std::string dot_stuffed(std::string_view text) {
  std::string wire;
  wire.reserve(text.size() + 2);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find("\r\n", at), text.size() - 2) + 2;
    if (text[at] == '.') wire += '.';
    wire.append(text.substr(at, end - at));
    at = end;
  }
  return wire;
}

Texts read_mail_folder(const std::string& path) {
  std::error_code error;
  std::vector<fs::path> names;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".eml") continue;
    if (!entry->is_regular_file(error)) continue;
    if (names.size() == core::kLoadMailFilesMax) {
      return refused("it has more than " + std::to_string(core::kLoadMailFilesMax) + " mails");
    }
    names.push_back(entry->path());
  }
  if (error) return refused(error.message());
  if (names.empty()) return refused("it has no *.eml");
  std::sort(names.begin(), names.end());

  std::vector<std::string> mails;
  uint64_t left = core::kLoadMailFolderBytesMax;
  for (const fs::path& name : names) {
    auto text = read_file(name, left);
    if (!text) return refused(text.error());
    left -= text->size();
    mails.push_back(with_line_ends(*text));
  }
  return mails;
}

}  // namespace mailrace::tools
