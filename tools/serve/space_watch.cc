// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/space_watch.h"

#include <sys/statvfs.h>

#include <utility>

namespace mailrace::tools {

std::optional<Space> space_of(const std::string& path) {
  struct statvfs status {};
  if (::statvfs(path.c_str(), &status) != 0) return std::nullopt;
  Space space{.free_bytes = uint64_t{status.f_bavail} * status.f_frsize};
  if (status.f_files > 0) space.free_inodes = status.f_favail;
  return space;
}

bool is_scarce(const Space& space, const SpaceRules& rules, bool was_scarce) noexcept {
  const auto wanted = [was_scarce](uint64_t rule) { return was_scarce ? rule + rule / 8 : rule; };
  return space.free_bytes < wanted(rules.free_bytes) ||
         space.free_inodes.value_or(UINT64_MAX) < wanted(rules.free_inodes);
}

SpaceWatch::SpaceWatch(std::string spool, const SpaceRules& rules,
                       std::vector<spool::WriterWatch*> watches, Log& log)
    : spool_(std::move(spool)), rules_(rules), watches_(std::move(watches)), log_(log) {}

void SpaceWatch::look() {
  const auto space = space_of(spool_);
  if (!space) return;
  const bool scarce = is_scarce(*space, rules_, is_scarce_);
  if (std::exchange(is_scarce_, scarce) == scarce) return;
  for (spool::WriterWatch* const watch : watches_) watch->set_scarce(scarce);
  std::vector<LogField> fields = {{"spool", spool_}, {"free_bytes", space->free_bytes}};
  if (space->free_inodes) fields.emplace_back("free_inodes", *space->free_inodes);
  log_.line(scarce ? LogLevel::error : LogLevel::warning, scarce ? "space_low" : "space_back",
            fields);
}

}  // namespace mailrace::tools
