// SPDX-License-Identifier: GPL-3.0-or-later
// A whole run of a sink: threads, signals, files, the live line, the report.
#pragma once

namespace mailrace::tools {

/// `mailrace sink`: takes mail until it is told to end, prints, matches.
///
/// returns   the exit status: kExitFailure if a mail is lost, double or altered, or --ids could not
///           be written to; kExitUsage for a flag, an address or a file that is no good, or if this
///           machine cannot do it
int main_sink(int argc, char** argv);

}  // namespace mailrace::tools
