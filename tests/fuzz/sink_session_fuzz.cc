// SPDX-License-Identifier: GPL-3.0-or-later
// Any input to a sink, split anywhere: the same is said and the same mails are taken as if it had
// come in one piece, and each of them is a line that is read back.
//
// Input: an octet that chooses protocol and faults, splits (support/splits.h), the client's octets.
#include "core/base/check.h"
#include "tests/support/sink_driver.h"
#include "tests/support/splits.h"

#include <cstdint>
#include <string_view>

namespace mailrace::tools {
namespace {

SinkPlan make_plan(uint8_t choice) {
  SinkOptions options;
  options.protocol = (choice & 1) != 0 ? SinkProtocol::lmtp : SinkProtocol::smtp;
  options.message_bytes_max = core::kMessageBytesFloor;
  options.ids = "a file that nobody opens here";
  if ((choice & 2) != 0) options.replies = {"rcpt:30:450", "data:30:451", "message:30:554"};
  if ((choice & 4) != 0) options.delays = {"ehlo:1ms", "message:1ms"};
  if ((choice & 8) != 0) options.closes = {"message:10"};
  return *SinkPlan::make(options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const SinkPlan plan = make_plan(tests::take_octet(input));
  tests::Splits splits = tests::take_splits(input);
  tests::SinkDriver whole(plan);
  whole.feed(input);
  tests::SinkDriver pieces(plan);
  for (std::string_view rest = input; !rest.empty();) {
    const size_t piece = splits.next(rest);
    pieces.feed(rest.substr(0, piece));
    rest.remove_prefix(piece);
  }
  pieces.feed({});
  MAILRACE_CHECK(pieces.said == whole.said);
  MAILRACE_CHECK(pieces.records.size() == whole.records.size());
  for (size_t i = 0; i < whole.records.size(); ++i) {
    const std::string line = format_record(whole.records[i]);
    MAILRACE_CHECK(format_record(pieces.records[i]) == line);
    const auto read = parse_record(line);
    MAILRACE_CHECK(read && format_record(*read) == line);
  }
  return 0;
}

}  // namespace mailrace::tools
