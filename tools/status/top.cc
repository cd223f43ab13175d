// SPDX-License-Identifier: GPL-3.0-or-later
// On a terminal the view is drawn over the last one; elsewhere views follow each other.
#include "core/base/limits.h"
#include "tools/lib/exit_codes.h"
#include "tools/status/status.h"
#include "tools/status/status_client.h"
#include "tools/status/top_view.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

volatile sig_atomic_t stop_asked = 0;

void ask_to_stop(int) { stop_asked = 1; }

void stop_at_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;  // and a sleep ends
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

// The alternate screen, so that what was there before comes back.
class Screen {
 public:
  Screen() : is_terminal_(::isatty(STDOUT_FILENO) == 1) { put("\x1b[?1049h\x1b[?25l"); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { put("\x1b[?25h\x1b[?1049l"); }

  void show(const std::string& view) {
    put("\x1b[H\x1b[2J");
    std::fputs(view.c_str(), stdout);
    if (!is_terminal_) std::fputs("\n", stdout);
    std::fflush(stdout);
  }

 private:
  void put(const char* sequence) const {
    if (is_terminal_) std::fputs(sequence, stdout);
  }
  bool is_terminal_;
};

void sleep_for(core::Duration time) {
  const timespec pause{time.ns / 1'000'000'000, time.ns % 1'000'000'000};
  ::nanosleep(&pause, nullptr);
}

// returns   why it ended, if not because it was asked to
std::string watch(const std::string& spool, core::Duration interval, uint64_t views) {
  Screen screen;
  MetricValues before;
  for (uint64_t shown = 0; stop_asked == 0; ++shown) {
    const auto answer = ask_server(spool, "metrics");
    if (!answer) return answer.error();
    MetricValues now = parse_metrics(*answer);
    screen.show(top_view(before, now));
    before = std::move(now);
    if (views > 0 && shown + 1 == views) break;
    sleep_for(interval);
  }
  return {};
}

}  // namespace

int main_top(int argc, char** argv) {
  std::string spool;
  core::Duration interval = core::seconds(1);
  uint64_t views = 0;
  const std::vector<Flag> flags = {
      asked_spool_flag(&spool),
      duration_flag("interval", &interval, {core::milliseconds(100), core::seconds(3600)},
                    "time between two views"),
      number_flag("views", &views, "COUNT", {0, UINT32_MAX, "0 means until it is stopped"},
                  "how many to show"),
  };
  const ParseOutcome parsed =
      parse_flags("top", "shows what a running server does, live", flags, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  if (spool.empty()) {
    std::fputs("mailrace top: --spool: none given (allowed: a directory)\n", stderr);
    return kExitUsage;
  }
  stop_at_signals();
  const std::string failed = watch(spool, interval, views);
  if (failed.empty()) return kExitOk;
  std::fprintf(stderr, "mailrace top: %s\n", failed.c_str());
  return kExitFailure;
}

}  // namespace mailrace::tools
