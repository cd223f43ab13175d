// SPDX-License-Identifier: GPL-3.0-or-later
// The program: a table of subcommands, nothing else.
#include "tools/lib/exit_codes.h"
#include "tools/lib/version.h"
#include "tools/load/run.h"
#include "tools/serve/serve.h"
#include "tools/sink/run.h"
#include "tools/spool/spool.h"
#include "tools/status/status.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

struct Subcommand {
  std::string_view name;
  std::string_view summary;
  int (*run)(int argc, char** argv);
};

constexpr Subcommand kSubcommands[] = {
    {"serve", "receives mail by SMTP and keeps it in the spool", mailrace::tools::main_serve},
    {"spool", "looks at a spool: list, show, export, verify, stats", mailrace::tools::main_spool},
    {"status", "says how a running server is", mailrace::tools::main_status},
    {"top", "shows what a running server does, live", mailrace::tools::main_top},
    {"load", "sends mail to an SMTP server and measures", mailrace::tools::main_load},
    {"sink", "takes mail and keeps nothing, for testing senders", mailrace::tools::main_sink},
};

void print_usage(std::FILE* target) {
  std::fputs("usage: mailrace SUBCOMMAND [FLAGS]\n\nsubcommands:\n", target);
  for (const Subcommand& subcommand : kSubcommands) {
    std::fprintf(target, "  %-8s %s\n", subcommand.name.data(), subcommand.summary.data());
  }
  std::fputs(
      "\nmailrace SUBCOMMAND --help lists its flags; mailrace --version what it is made of\n",
      target);
}

// A report that got lost on its way is a failure, be it for want of space behind a redirection.
int behind_output(int status) {
  const bool is_written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (is_written || status != mailrace::tools::kExitOk) return status;
  std::fprintf(stderr, "mailrace: standard output: %s\n", std::strerror(errno));
  return mailrace::tools::kExitFailure;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "-h") {
    print_usage(stdout);
    return mailrace::tools::kExitOk;
  }
  if (name == "--version") {
    std::fputs(mailrace::tools::version_text().c_str(), stdout);
    return mailrace::tools::kExitOk;
  }
  for (const Subcommand& subcommand : kSubcommands) {
    if (subcommand.name == name) return behind_output(subcommand.run(argc - 1, argv + 1));
  }
  if (name.empty()) {
    print_usage(stderr);
  } else {
    std::fprintf(stderr, "mailrace: '%s' is no subcommand (allowed:", argv[1]);
    for (const Subcommand& subcommand : kSubcommands) {
      std::fprintf(stderr, " %s", subcommand.name.data());
    }
    std::fputs(")\n", stderr);
  }
  return mailrace::tools::kExitUsage;
}
