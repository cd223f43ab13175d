// SPDX-License-Identifier: GPL-3.0-or-later
// The subcommands of `mailrace spool`, one file each. argv[0] is the subcommand's name.
#pragma once

namespace mailrace::tools {

int spool_list(int argc, char** argv);    // a line for each mail
int spool_show(int argc, char** argv);    // one mail
int spool_export(int argc, char** argv);  // mails as other formats
int spool_verify(int argc, char** argv);  // every checksum
int spool_repair(int argc, char** argv);  // whole segments out of damaged ones
int spool_stats(int argc, char** argv);   // numbers

int spool_consumers(int argc, char** argv);  // who takes mails, and how far behind
int spool_forget(int argc, char** argv);     // a consumer

int spool_hold(int argc, char** argv);     // keeps a mail back
int spool_release(int argc, char** argv);  // lets it go again
int spool_delete(int argc, char** argv);   // hands it to nobody any more

}  // namespace mailrace::tools
