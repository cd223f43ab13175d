// SPDX-License-Identifier: GPL-3.0-or-later
// Runs `mailrace spool` within a test.
#pragma once

#include "tools/spool/spool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mailrace::tests {

struct Outcome {
  int exit_code = 0;
  std::string out;
  std::string err;
};

/// arguments   behind "spool"
inline Outcome run_spool_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "spool");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome result;
  result.exit_code = tools::main_spool(int(arguments.size()), argv.data());
  result.out = testing::internal::GetCapturedStdout();
  result.err = testing::internal::GetCapturedStderr();
  return result;
}

}  // namespace mailrace::tests
