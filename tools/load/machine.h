// SPDX-License-Identifier: GPL-3.0-or-later
// What a figure was measured on.
#pragma once

#include <cstdint>
#include <string>

namespace mailrace::tools {

struct LoadMachine {
  std::string kernel = {};  // "Linux 6.1.0-18-amd64 x86_64"
  std::string cpu = {};     // the model of the first one; empty if the kernel does not say it
  uint32_t cpus = 0;        // that this process may run on
};

/// Asks the kernel.
LoadMachine this_machine();

}  // namespace mailrace::tools
