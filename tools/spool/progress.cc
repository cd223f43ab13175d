// SPDX-License-Identifier: GPL-3.0-or-later
// Written over itself with a carriage return, a few times a second.
#include "tools/spool/progress.h"

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>

namespace mailrace::tools {
namespace {

constexpr uint64_t kFirstMs = 1000;
constexpr uint64_t kIntervalMs = 200;

uint64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

Progress::Progress(bool quiet)
    : enabled_(!quiet && ::isatty(2) == 1), next_ms_(enabled_ ? now_ms() + kFirstMs : 0) {}

void Progress::add_bytes(uint64_t bytes) {
  bytes_ += bytes;
  if (!enabled_) return;
  const uint64_t now = now_ms();
  if (now < next_ms_) return;
  next_ms_ = now + kIntervalMs;
  shown_ = true;
  std::fprintf(stderr, "\r%" PRIu64 " MiB read, %" PRIu64 " mails\x1b[K", bytes_ >> 20, mails_);
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace mailrace::tools
