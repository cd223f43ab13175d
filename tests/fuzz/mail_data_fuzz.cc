// SPDX-License-Identifier: GPL-3.0-or-later
// Mail data of any octets, split anyhow: the same content, defect and end as RFC 5321 says, whether
// bare newlines are kept or not.
#include "core/base/check.h"
#include "tests/support/mail_data_reference.h"
#include "tests/support/splits.h"

#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace tests = mailrace::tests;
  using mailrace::core::BareNewline;
  std::string_view wire(reinterpret_cast<const char*>(data), size);
  const uint8_t limit = tests::take_octet(wire);
  const uint64_t bytes_max = limit == 0 ? UINT64_MAX : limit - 1;
  tests::Splits splits = tests::take_splits(wire);

  for (const auto bare_newline : {BareNewline::reject, BareNewline::keep}) {
    const auto reference = tests::reference_mail_data(wire, bytes_max, bare_newline);
    const auto whole = tests::feed_mail_data(
        wire, bytes_max, [](auto rest) { return rest.size(); }, bare_newline);
    MAILRACE_CHECK(whole.agrees_with(reference));
    const auto split = tests::feed_mail_data(
        wire, bytes_max, [&](auto rest) { return splits.next(rest); }, bare_newline);
    MAILRACE_CHECK(split.agrees_with(reference));
  }
  return 0;
}
