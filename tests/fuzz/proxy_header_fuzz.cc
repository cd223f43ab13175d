// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as a PROXY header: however they are split, the result is the same; nothing before the
// end of a header counts as one, and what it names can be written and read again.
#include "core/base/check.h"
#include "core/base/text.h"
#include "core/proxy/proxy_header.h"
#include "tests/support/splits.h"

#include <cstdint>
#include <string_view>

namespace mailrace::core {
namespace {

struct Outcome {
  ProxyHeader header;
  size_t used = 0;
};

Outcome read(std::string_view wire, tests::Splits splits) {
  Outcome outcome;
  while (!wire.empty() && outcome.header.status() == ProxyStatus::incomplete) {
    const std::string_view piece = wire.substr(0, splits.next(wire));
    const size_t used = outcome.header.feed(as_octets(piece));
    MAILRACE_CHECK(used <= piece.size());
    MAILRACE_CHECK(used == piece.size() || outcome.header.status() != ProxyStatus::incomplete);
    outcome.used += used;
    wire.remove_prefix(piece.size());
  }
  return outcome;
}

void check_same(const ProxyHeader& a, const ProxyHeader& b) {
  MAILRACE_CHECK(a.status() == b.status());
  MAILRACE_CHECK(a.defect() == b.defect());
  MAILRACE_CHECK(a.source() == b.source());
  MAILRACE_CHECK(a.destination() == b.destination());
}

// As version 1; a family has one address form there, so a mapped address would not come back.
void check_written_again(const ProxyHeader& header) {
  const IpAddress& source = header.source().address;
  const IpAddress& destination = header.destination().address;
  MAILRACE_CHECK(source.is_v4 == destination.is_v4);
  if (unmapped(source) != source || unmapped(destination) != destination) return;
  char memory[kProxyLineBytesMax];
  TextBuilder line(memory, sizeof memory);
  line.add(source.is_v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  add_ip_address(line, source);
  line.add(' ');
  add_ip_address(line, destination);
  line.add(' ').add_number(header.source().port).add(' ');
  line.add_number(header.destination().port).add("\r\n");
  MAILRACE_CHECK(!line.cut());
  const Outcome again = read(line.text(), tests::Splits({}));
  MAILRACE_CHECK(again.header.status() == ProxyStatus::proxied);
  MAILRACE_CHECK(again.used == line.text().size());
  MAILRACE_CHECK(again.header.source() == header.source());
  MAILRACE_CHECK(again.header.destination() == header.destination());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view wire(reinterpret_cast<const char*>(data), size);
  const tests::Splits splits = tests::take_splits(wire);
  const Outcome whole = read(wire, tests::Splits({}));
  const Outcome pieces = read(wire, splits);
  check_same(whole.header, pieces.header);
  MAILRACE_CHECK(whole.used <= kProxyHeaderBytesMax);
  MAILRACE_CHECK(whole.header.status() != ProxyStatus::incomplete || whole.used == wire.size());
  MAILRACE_CHECK((whole.header.status() == ProxyStatus::invalid) ==
                 (whole.header.defect() != ProxyDefect::none));
  const bool is_header =
      whole.header.status() == ProxyStatus::proxied || whole.header.status() == ProxyStatus::local;
  if (!is_header) return 0;
  MAILRACE_CHECK(whole.used == pieces.used);
  const Outcome cut = read(wire.substr(0, whole.used - 1), tests::Splits({}));
  MAILRACE_CHECK(cut.header.status() == ProxyStatus::incomplete);
  if (whole.header.status() == ProxyStatus::proxied) check_written_again(whole.header);
  return 0;
}

}  // namespace mailrace::core
