// SPDX-License-Identifier: GPL-3.0-or-later
// Any text as a line of --ids: what is read as a record has that text and no other.
#include "core/base/check.h"
#include "tools/sink/mail_record.h"

#include <cstdint>
#include <string_view>

namespace mailrace::tools {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto record = parse_record(text);
  if (record) MAILRACE_CHECK(format_record(*record) == text);
  const auto named = parse_load_id(text);
  MAILRACE_CHECK(!named || text.size() == 42);
  return 0;
}

}  // namespace mailrace::tools
