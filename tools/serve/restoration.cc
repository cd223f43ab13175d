// SPDX-License-Identifier: GPL-3.0-or-later
// The order matters: how often writers have lost their directories is asked before these are looked
// at, so that a writer is told of directories that were there after its loss. And the lock comes
// first, so that no writer is sent to a spool that another server has begun to use.
#include "tools/serve/restoration.h"

#include "spool/consumers.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mailrace::tools {

Restoration::Restoration(std::string spool, SpoolDirectories& directories,
                         std::vector<spool::WriterWatch*> watches, Log& log)
    : spool_(std::move(spool)),
      directories_(directories),
      watches_(std::move(watches)),
      log_(log) {}

bool Restoration::look() {
  std::vector<uint64_t> losses;
  for (const spool::WriterWatch* watch : watches_) {
    losses.push_back(watch != nullptr ? watch->losses() : 0);
  }
  const bool is_whole = std::ranges::none_of(watches_, [](const spool::WriterWatch* watch) {
    return watch != nullptr && watch->is_lost();
  });
  if (is_whole && directories_.is_taken()) {
    complained_.clear();
    return false;
  }
  const auto failed = restore(losses);
  if (!failed) {
    complained_.clear();
    log_.line(LogLevel::warning, "spool_restored", {{"spool", spool_}});
  } else if (std::exchange(complained_, *failed) != *failed) {
    log_.line(LogLevel::error, "spool_lost", {{"spool", spool_}, {"what", *failed}});
  }
  return true;
}

std::optional<std::string> Restoration::restore(const std::vector<uint64_t>& losses) {
  if (!directories_.is_taken()) {
    if (auto failed = directories_.take()) {
      for (spool::WriterWatch* watch : watches_) {
        if (watch != nullptr) watch->revoke();
      }
      // By the next look what was under way has ended.
      if (std::exchange(is_revoked_, true)) directories_.give_back_workers();
      return failed;
    }
  }
  is_revoked_ = false;
  for (uint32_t worker = 0; worker < watches_.size(); ++worker) {
    if (watches_[worker] == nullptr) continue;
    if (auto failed = directories_.make_worker(worker)) return failed;
    if (!watches_[worker]->is_lost()) continue;
    const auto first = first_segment(worker);
    if (!first)
      return std::string(first.error().where) + ": " + std::strerror(first.error().sys_errno);
    watches_[worker]->restore(losses[worker], *first);
  }
  return std::nullopt;
}

// What is there may be another directory than the one that was lost, with segments of its own.
core::Result<uint64_t> Restoration::first_segment(uint32_t worker) {
  MAILRACE_TRY(const uint64_t first, spool::next_segment_number(disk_, spool_, worker));
  std::optional<core::Error> unread;
  const auto named =
      spool::cursor_segments(disk_, spool_, [&unread](const auto&, const core::Error& error) {
        if (error.code == core::Errc::io) unread = error;  // what is damaged stays so
      });
  if (unread) return tl::unexpected<core::Error>(*unread);
  const auto found = named.find(worker);
  return found == named.end() ? first : std::max(first, found->second + 1);
}

}  // namespace mailrace::tools
