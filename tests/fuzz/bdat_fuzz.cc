// SPDX-License-Identifier: GPL-3.0-or-later
// BDAT lines and chunks of any octets, split anyhow: the argument means what RFC 3030 says or
// nothing, exactly the declared octets are consumed, and text has bare newlines or not as the
// definition says.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/smtp/chunked_data.h"
#include "tests/support/mail_data_reference.h"
#include "tests/support/splits.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

namespace core = mailrace::core;
namespace tests = mailrace::tests;

// 1*DIGIT [SP "LAST"], digit by digit in 128 bits.
std::optional<core::ChunkHeader> reference_argument(std::string_view text) {
  size_t digits = 0;
  unsigned __int128 bytes = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    bytes = std::min<unsigned __int128>(bytes * 10 + unsigned(text[digits] - '0'), UINT64_MAX);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  std::string marker(text.substr(digits));
  for (char& c : marker) c = core::to_upper(c);
  if (!marker.empty() && marker != " LAST") return std::nullopt;
  return core::ChunkHeader{uint64_t(bytes), !marker.empty()};
}

// Feeds what there is of a chunk, in pieces that may reach past its end. returns octets consumed
size_t feed_chunk(core::ChunkedData& data, std::string_view rest, tests::Splits& splits,
                  bool wanted, std::string& content) {
  size_t consumed = 0;
  while (!data.at_end_of_chunk() && consumed < rest.size()) {
    const std::string_view left = rest.substr(consumed);
    const std::string_view piece = left.substr(0, splits.next(left));
    const core::ChunkStep step = data.feed(core::as_octets(piece));
    MAILRACE_CHECK(step.consumed > 0);
    MAILRACE_CHECK(step.consumed <= piece.size());
    MAILRACE_CHECK(step.content.size() == (wanted ? step.consumed : 0));
    content += core::as_text(step.content);
    consumed += step.consumed;
  }
  return consumed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  std::string_view wire(reinterpret_cast<const char*>(octets), size);
  const uint8_t bits = tests::take_octet(wire);
  const bool is_text = (bits & 1) == 0;
  const bool wanted = (bits & 2) == 0;
  const auto bare_newline = (bits & 4) == 0 ? core::BareNewline::reject : core::BareNewline::keep;
  tests::Splits splits = tests::take_splits(wire);

  core::ChunkedData data;
  data.begin(is_text, bare_newline);
  std::string mail;
  std::string content;
  while (!wire.empty()) {
    const size_t end = std::min(wire.find("\r\n"), wire.size());
    const std::string_view argument = wire.substr(0, end);
    wire.remove_prefix(std::min(end + 2, wire.size()));
    const auto chunk = core::parse_bdat_argument(argument);
    const auto reference = reference_argument(argument);
    MAILRACE_CHECK(chunk.has_value() == reference.has_value());
    if (!chunk) break;  // the session closes
    MAILRACE_CHECK(chunk->bytes == reference->bytes);
    MAILRACE_CHECK(chunk->is_last == reference->is_last);

    const size_t there = size_t(std::min<uint64_t>(chunk->bytes, wire.size()));
    data.begin_chunk(chunk->bytes, wanted);
    MAILRACE_CHECK(feed_chunk(data, wire, splits, wanted, content) == there);
    MAILRACE_CHECK(data.at_end_of_chunk() == (there == chunk->bytes));
    if (wanted) mail += wire.substr(0, there);
    wire.remove_prefix(there);
    MAILRACE_CHECK(content == mail);
    MAILRACE_CHECK(data.bytes() == mail.size());
    if (there < chunk->bytes) break;
    if (!chunk->is_last) continue;
    data.end();
    const bool is_checked = is_text && bare_newline == core::BareNewline::reject;
    MAILRACE_CHECK(data.defect() ==
                   (is_checked ? tests::reference_chunked_data(mail) : core::DataDefect::none));
    mail.clear();
    content.clear();
    data.begin(is_text, bare_newline);
  }
  return 0;
}
