// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/start_sources.h"

#include "tools/lib/flag_text.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace mailrace::tools {

StartSources::StartSources(int argc, const char* const* argv)
    : arguments_(argv + std::min(argc, 1), argv + argc) {
  const std::string ours = environment_name("");
  for (const char* const* entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (!text.starts_with(ours) || equals == std::string_view::npos) continue;
    // Of two with the same name the first counts, as for getenv().
    environment_.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
}

ParseResult StartSources::read(ServeOptions& options) const {
  const auto environment = [this](const std::string& name) {
    const auto found = environment_.find(name);
    return found == environment_.end() ? std::nullopt : std::optional(found->second);
  };
  return parse_arguments("serve", "receives mail by SMTP and keeps it in the spool",
                         serve_flags(options), arguments_, environment);
}

}  // namespace mailrace::tools
