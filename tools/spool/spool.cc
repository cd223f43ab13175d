// SPDX-License-Identifier: GPL-3.0-or-later
// The table of subcommands, nothing else.
#include "tools/spool/spool.h"

#include "tools/lib/exit_codes.h"
#include "tools/spool/commands.h"
#include "tools/spool/output.h"

#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

struct Subcommand {
  std::string_view name;
  int (*run)(int argc, char** argv);
  const char* summary;
};

constexpr Subcommand kSubcommandTable[] = {
    {"list", &spool_list, "a line for each mail"},
    {"show", &spool_show, "envelope and data of one mail"},
    {"export", &spool_export, "mails as eml, mbox, maildir or jsonl"},
    {"verify", &spool_verify, "check every checksum"},
    {"repair", &spool_repair, "make whole segments of what damaged ones have"},
    {"stats", &spool_stats, "mails, octets and segments in numbers, and how far consumers are"},
    {"consumers", &spool_consumers, "who takes mails, and how far behind"},
    {"forget", &spool_forget, "keep mail for a consumer no longer"},
    {"hold", &spool_hold, "hand a mail to no consumer until it is released"},
    {"release", &spool_release, "let a held mail go"},
    {"delete", &spool_delete, "hand a mail to no consumer any more"},
};

void print_help() {
  std::puts("Usage: mailrace spool SUBCOMMAND DIR [FLAGS]\n");
  for (const Subcommand& subcommand : kSubcommandTable) {
    std::printf("  %-9s %s\n", subcommand.name.data(), subcommand.summary);
  }
  std::puts("\n`mailrace spool SUBCOMMAND --help` says more.");
}

}  // namespace

int main_spool(int argc, char** argv) {
  // `mailrace spool list DIR | head` ends as any other program at the left of a pipe.
  std::signal(SIGPIPE, SIG_DFL);
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "-h" || name == "--help") {
    print_help();
    return kExitOk;
  }
  for (const Subcommand& subcommand : kSubcommandTable) {
    if (subcommand.name == name) return subcommand.run(argc - 1, argv + 1);
  }
  std::string names;
  for (const Subcommand& subcommand : kSubcommandTable) {
    names += (names.empty() ? "" : ", ") + std::string(subcommand.name);
  }
  complain(name.empty() ? "which subcommand? one of " + names
                        : "unknown subcommand '" + std::string(name) + "': one of " + names);
  return kExitUsage;
}

}  // namespace mailrace::tools
