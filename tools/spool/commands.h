// SPDX-License-Identifier: GPL-3.0-or-later
// The subcommands of `mailrace spool`, one file each. argv[0] is the subcommand's name.
#pragma once

namespace mailrace::tools {

int spool_list(int argc, char** argv);    // a line for each mail
int spool_show(int argc, char** argv);    // one mail
int spool_export(int argc, char** argv);  // mails as other formats
int spool_verify(int argc, char** argv);  // every checksum
int spool_stats(int argc, char** argv);   // numbers

}  // namespace mailrace::tools
