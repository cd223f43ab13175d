// SPDX-License-Identifier: GPL-3.0-or-later
// The door of `mailrace spool`: looks at a spool, running or not, hands its mails on, and
// never changes a segment.
#pragma once

namespace mailrace::tools {

/// argc, argv   as for main(); argv[0] is "spool", argv[1] the subcommand
/// returns      the exit status, see tools/lib/exit_codes.h
int main_spool(int argc, char** argv);

}  // namespace mailrace::tools
