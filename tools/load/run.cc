// SPDX-License-Identifier: GPL-3.0-or-later
// Signals end a run early, and what it found is printed all the same.
#include "tools/load/run.h"

#include "net/ring_failure.h"
#include "tools/lib/descriptor_limit.h"
#include "tools/lib/exit_codes.h"
#include "tools/load/flags.h"
#include "tools/load/measure.h"

#include <signal.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // it is set by a signal handler

void request_stop(int) { stop_requested.store(true, std::memory_order_relaxed); }

// The second signal ends the process where it stands.
void end_early_at_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "mailrace load: %s\n", what.c_str());
  return exit_code;
}

}  // namespace

int run_load(const LoadOptions& options) {
  if (const std::string reason = net::ring_unavailable(0); !reason.empty()) {
    return complain(reason, kExitUsage);
  }
  raise_descriptor_limit();
  end_early_at_signals();
  LoadProgress progress;
  if (!options.json && !options.quiet) {
    progress = [](const LoadStats& recent, core::Duration interval, int64_t second) {
      std::fprintf(stderr, "%s\n", live_line(recent, interval, second).c_str());
    };
  }
  const auto report = measure_load(options, stop_requested, progress);
  if (!report) {
    return complain(
        std::string(report.error().where) + ": " + std::strerror(report.error().sys_errno),
        kExitUsage);
  }
  const std::string text = options.json ? report_json(*report, options) : report_text(*report);
  std::fputs(text.c_str(), stdout);
  return report->stats.error_count() == 0 ? kExitOk : kExitFailure;
}

int main_load(int argc, char** argv) {
  LoadOptions options;
  const std::vector<Flag> flags = load_flags(options);
  const ParseOutcome outcome = parse_flags(
      "load", "sends mail as fast as a server takes it, and measures", flags, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  return run_load(options);
}

}  // namespace mailrace::tools
