// SPDX-License-Identifier: GPL-3.0-or-later
// The subcommand `mailrace load`: measures, prints, says by its exit status what it found.
#pragma once

#include "tools/load/options.h"

namespace mailrace::tools {

/// `mailrace load`: measures, prints, and ends early on SIGINT or SIGTERM.
///
/// returns   the exit status: kExitFailure if anything unexpected was answered or went wrong, or
///           else kExitGeneratorLimit if the generator was the limit and that is not allowed;
///           kExitUsage if this machine cannot do it
int run_load(const LoadOptions& options);

/// The door of the subcommand: flags, then run_load().
int main_load(int argc, char** argv);

}  // namespace mailrace::tools
