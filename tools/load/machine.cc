// SPDX-License-Identifier: GPL-3.0-or-later
// uname(2), /proc/cpuinfo and the affinity mask.
#include "tools/load/machine.h"

#include "net/worker_group.h"

#include <sys/utsname.h>

#include <fstream>

namespace mailrace::tools {
namespace {

constexpr int kLinesMax = 64;  // of the first CPU

// The value of the first line "model name : VALUE".
std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  for (int count = 0; count < kLinesMax && std::getline(file, line); ++count) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

LoadMachine this_machine() {
  LoadMachine machine;
  utsname names{};
  if (::uname(&names) == 0) {
    machine.kernel = std::string(names.sysname) + " " + names.release + " " + names.machine;
  }
  machine.cpu = cpu_model();
  machine.cpus = uint32_t(net::allowed_cpus().size());
  return machine;
}

}  // namespace mailrace::tools
