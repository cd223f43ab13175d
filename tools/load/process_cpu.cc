// SPDX-License-Identifier: GPL-3.0-or-later
// A process that ends while it is looked at is counted by its parent.
#include "tools/load/process_cpu.h"

#include "core/base/limits.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace mailrace::tools {
namespace {

// Fields of proc_pid_stat(5) behind the name: the third field is the first of these.
constexpr int kFieldsBeforeTimes = 11;
constexpr int kTimes = 4;  // utime, stime, cutime, cstime

// The name is in parentheses and may have any in it.
std::optional<int64_t> ticks_of(const std::string& process) {
  std::ifstream file(process + "/stat");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 0; field < kFieldsBeforeTimes; ++field) fields >> skipped;
  int64_t ticks = 0;
  for (int field = 0; field < kTimes; ++field) {
    int64_t time = 0;
    if (!(fields >> time)) return std::nullopt;
    ticks += time;
  }
  return ticks;
}

// Each thread has the children that it started.
void add_children(const std::string& process, std::vector<pid_t>& family) {
  std::error_code error;
  for (std::filesystem::directory_iterator task(process + "/task", error), end;
       !error && task != end; task.increment(error)) {
    std::ifstream file(task->path() / "children");
    for (pid_t child = 0; file >> child && family.size() < core::kLoadServerProcessesMax;) {
      family.push_back(child);
    }
  }
}

}  // namespace

std::optional<core::Duration> family_cpu_time(pid_t pid, const std::string& proc) {
  std::vector<pid_t> family = {pid};
  int64_t ticks = 0;
  for (size_t index = 0; index < family.size(); ++index) {
    const std::string process = proc + "/" + std::to_string(family[index]);
    const auto of_one = ticks_of(process);
    if (!of_one && index == 0) return std::nullopt;
    ticks += of_one.value_or(0);
    add_children(process, family);
  }
  return core::Duration{ticks * (1'000'000'000 / ::sysconf(_SC_CLK_TCK))};
}

}  // namespace mailrace::tools
