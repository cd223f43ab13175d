// SPDX-License-Identifier: GPL-3.0-or-later
// Where the options of a server come from, as it was started, so that they can be read again.
#pragma once

#include "tools/lib/flags.h"
#include "tools/serve/options.h"

#include <map>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Copies of the command line and of our part of the environment. The config file is read each
/// time.
class StartSources {
 public:
  /// argc, argv   as for main(), and the environment as it is now
  StartSources(int argc, const char* const* argv);

  /// Sets options that have their defaults, as parse_arguments(). On one thread.
  ParseResult read(ServeOptions& options) const;

 private:
  std::vector<std::string> arguments_;
  std::map<std::string, std::string> environment_;
};

}  // namespace mailrace::tools
