// SPDX-License-Identifier: GPL-3.0-or-later
// The subcommand `mailrace load compare`.
#pragma once

#include "tools/lib/flags.h"

#include <string>
#include <vector>

namespace mailrace::tools {

struct LoadCompareOptions {
  std::vector<std::string> files;
  std::string fail_over;  // percent; empty: nothing fails
  bool json = false;
};

/// The rows of its flag table; they set `options`, which must outlive them.
std::vector<Flag> load_compare_flags(LoadCompareOptions& options);

/// Compares results of `mailrace load --json` with the first of them.
///
/// returns   kExitFailure if something is worse than --fail-over allows, kExitUsage for files that
///           are no results
int main_load_compare(int argc, char** argv);

}  // namespace mailrace::tools
