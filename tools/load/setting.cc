// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/load/setting.h"

#include "tools/lib/json.h"
#include "tools/load/flags.h"
#include "tools/load/machine.h"

namespace mailrace::tools {

std::string flags_json(const LoadOptions& options) {
  LoadOptions said = options;
  return json_object([&](JsonLine& line) {
    for (const Flag& flag : load_flags(said)) line.text(flag.name, flag_values_text(flag));
  });
}

std::string machine_json() {
  const LoadMachine machine = this_machine();
  return json_object([&](JsonLine& line) {
    line.text("kernel", machine.kernel)
        .text("cpu", machine.cpu)
        .text("cpus", std::to_string(machine.cpus));
  });
}

}  // namespace mailrace::tools
