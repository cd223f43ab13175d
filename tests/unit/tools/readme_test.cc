// SPDX-License-Identifier: GPL-3.0-or-later
// The README's flag tables are the programs' own.
#include "tools/lib/flag_text.h"
#include "tools/load/flags.h"
#include "tools/serve/options.h"
#include "tools/sink/flags.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace mailrace::tools {
namespace {

std::string readme() {
  std::ifstream file(MAILRACE_SOURCE_DIR "/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ReadmeTest, HasTheFlagsOfServe) {
  ServeOptions options;
  const std::string table = markdown_table(serve_flags(options));
  EXPECT_NE(readme().find(table), std::string::npos) << "README.md should have:\n" << table;
}

TEST(ReadmeTest, HasTheFlagsOfLoad) {
  LoadOptions options;
  const std::string table = markdown_table(load_flags(options));
  EXPECT_NE(readme().find(table), std::string::npos) << "README.md should have:\n" << table;
}

TEST(ReadmeTest, HasTheFlagsOfSink) {
  SinkOptions options;
  const std::string table = markdown_table(sink_flags(options));
  EXPECT_NE(readme().find(table), std::string::npos) << "README.md should have:\n" << table;
}

}  // namespace
}  // namespace mailrace::tools
