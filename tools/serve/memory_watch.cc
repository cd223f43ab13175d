// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/serve/memory_watch.h"

#include "core/policy/overload.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>

namespace mailrace::tools {
namespace {

// "max", or no such file, is no limit.
uint64_t limit_in(const std::filesystem::path& file) {
  std::ifstream input(file);
  uint64_t limit = 0;
  return input >> limit ? limit : UINT64_MAX;
}

// Each group is within the limits of those above it.
uint64_t control_group_limit() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::/")) {
  }
  uint64_t limit = UINT64_MAX;
  if (!line.starts_with("0::/")) return limit;
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::filesystem::path group = root / line.substr(4);
  for (; group != root && group != group.root_path(); group = group.parent_path()) {
    limit = std::min(limit, limit_in(group / "memory.max"));
  }
  return std::min(limit, limit_in(root / "memory.max"));  // of a container's own view
}

}  // namespace

uint64_t memory_of_machine() {
  struct sysinfo info {};
  const uint64_t machine =
      ::sysinfo(&info) == 0 ? uint64_t{info.totalram} * info.mem_unit : UINT64_MAX;
  return std::min(machine, control_group_limit());
}

std::optional<uint64_t> own_memory(std::string_view statm) {
  // size resident shared ..., in pages
  std::array<uint64_t, 3> pages{};
  const char* at = statm.data();
  const char* const end = at + statm.size();
  for (uint64_t& number : pages) {
    while (at != end && *at == ' ') ++at;
    const auto [behind, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    at = behind;
  }
  const auto page = uint64_t(::sysconf(_SC_PAGESIZE));
  return pages[1] > pages[2] ? (pages[1] - pages[2]) * page : 0;
}

MemoryWatch::MemoryWatch(uint64_t budget)
    : statm_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      budget_(budget > 0 ? budget : memory_of_machine() / 4 * 3) {}

void MemoryWatch::look(uint64_t reusable) noexcept {
  std::array<char, 128> text;
  const ssize_t bytes = ::pread(statm_.get(), text.data(), text.size(), 0);
  if (bytes <= 0) return;
  const auto own = own_memory({text.data(), size_t(bytes)});
  if (!own) return;
  const uint64_t used = *own - std::min(*own, reusable);
  bytes_.store(*own, std::memory_order_relaxed);
  used_.store(core::used_thousandths(used, budget_), std::memory_order_relaxed);
}

}  // namespace mailrace::tools
