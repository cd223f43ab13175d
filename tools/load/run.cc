// SPDX-License-Identifier: GPL-3.0-or-later
// Signals end a run early, and what it found is printed all the same.
#include "tools/load/run.h"

#include "net/ring_failure.h"
#include "tools/lib/descriptor_limit.h"
#include "tools/lib/exit_codes.h"
#include "tools/load/compare.h"
#include "tools/load/flags.h"
#include "tools/load/measure.h"
#include "tools/load/outputs.h"
#include "tools/load/pace_flags.h"
#include "tools/load/prepare.h"
#include "tools/load/process_cpu.h"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
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

// While the next one is still to come.
void say_report(const std::vector<LoadReport>& reports, const LoadOptions& options) {
  if (options.repeat > 1) std::printf("--- run %zu\n", reports.size());
  std::fputs(report_text(reports.back(), options).c_str(), stdout);
  std::fflush(stdout);
}

// Errors are worse than a generator that was too slow: they say more about the server.
int judge(const std::vector<LoadReport>& reports, const LoadOptions& options) {
  const auto has_errors = [](const LoadReport& report) { return report.stats.error_count() > 0; };
  if (std::ranges::any_of(reports, has_errors)) return kExitFailure;
  if (options.allow_generator_limit) return kExitOk;
  for (const LoadReport& report : reports) {
    if (report.generator_limit.empty()) continue;
    return complain("the generator is the limit: " + report.generator_limit, kExitGeneratorLimit);
  }
  return kExitOk;
}

}  // namespace

int run_load(const LoadOptions& options) {
  if (const std::string reason = net::ring_unavailable(0); !reason.empty()) {
    return complain(reason, kExitUsage);
  }
  raise_descriptor_limit();
  end_early_at_signals();
  LoadOutputs outputs(options);
  if (auto opened = outputs.open(); !opened) return complain(opened.error(), kExitUsage);
  std::vector<LoadReport> reports;
  while (reports.size() < options.repeat && (reports.empty() || !stop_requested)) {
    auto report =
        measure_load(options, stop_requested, outputs.begin_run(uint32_t(reports.size()) + 1));
    if (!report) {
      return complain(
          std::string(report.error().where) + ": " + std::strerror(report.error().sys_errno),
          kExitUsage);
    }
    reports.push_back(std::move(*report));
    outputs.end_run(reports.back());
    if (!options.json) say_report(reports, options);
  }
  if (options.json) {
    const std::string text =
        options.repeat > 1 ? repeats_json(reports, options) : report_json(reports.front(), options);
    std::fputs(text.c_str(), stdout);
  } else if (options.repeat > 1) {
    std::fputs(repeats_text(reports).c_str(), stdout);
  }
  if (auto written = outputs.finish(reports); !written) {
    return complain(written.error(), kExitFailure);
  }
  return judge(reports, options);
}

int main_load(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "compare") {
    return main_load_compare(argc - 1, argv + 1);
  }
  LoadOptions options;
  const std::vector<Flag> flags = load_flags(options);
  constexpr std::string_view kSummary =
      "sends mail as fast as a server takes it, or at a rate, and measures";
  const ParseOutcome outcome = parse_flags("load", kSummary, flags, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  if (const std::string why = contradiction_in(options); !why.empty()) {
    return complain(why, kExitUsage);
  }
  if (options.server_pid > 0 && !family_cpu_time(pid_t(options.server_pid))) {
    return complain("--server-pid: there is no process " + std::to_string(options.server_pid),
                    kExitUsage);
  }
  LoadIdWriter ids;
  if (const auto problem = prepare_load(options, ids)) return complain(*problem, kExitUsage);
  const int exit_code = run_load(options);
  const std::string lost = ids.close();
  return lost.empty() ? exit_code : complain("--ids: " + lost, kExitFailure);
}

}  // namespace mailrace::tools
