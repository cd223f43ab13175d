// SPDX-License-Identifier: GPL-3.0-or-later
// Any octets as what a client sends: in the place of a ClientHello, behind one, or behind a whole
// handshake. The session must end or wait for more, within its bounds, and keep nothing at its end.
//
// The first octet says which, and how the rest is split.
#include "core/base/check.h"
#include "net/tls_session.h"
#include "tests/support/tls_client.h"
#include "tests/support/tls_fixtures.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace mailrace::net {
namespace {

std::array<std::byte, core::kTlsRecordBytesMax> plaintext;

void take_output(TlsSession& session, tests::TlsClient* client) {
  TlsOutput& output = session.output();
  if (client != nullptr) client->receive(core::as_text(output.pending()));
  output.consume(output.pending().size());
}

// returns   false once the session has ended
bool give(TlsSession& session, std::string_view octets, tests::TlsClient* client) {
  // A record gives one step, and an alert or two; more would be a loop.
  for (size_t steps = 0; steps <= 10 + octets.size(); ++steps) {
    const TlsStep step = session.advance(core::as_octets(octets), plaintext);
    MAILRACE_CHECK(step.consumed <= octets.size());
    octets.remove_prefix(step.consumed);
    take_output(session, client);
    if (step.status == TlsStatus::failed || step.status == TlsStatus::closed) return false;
    if (step.status == TlsStatus::wants_input) {
      if (octets.empty()) return true;
      MAILRACE_CHECK(step.consumed > 0);
    }
  }
  MAILRACE_CHECK(false);  // it goes round and round
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<TlsContext> context =
      tests::tls_context({"ecdsa", "rsa"}, {.asks_client = true});
  if (size == 0) return 0;
  const unsigned kind = data[0] & 3u;
  const size_t piece = 1 + (data[0] >> 2u) * size_t{41};
  std::string octets(reinterpret_cast<const char*>(data) + 1, size - 1);

  core::BlockPool blocks(core::kTlsOutputBytes, 1);
  size_t kept_bytes = 0;
  {
    TlsSession session(context, blocks, kept_bytes);
    tests::TlsClient client({.is_tls13 = kind != 3});
    if (kind == 1) {
      client.shake_hands();
      give(session, client.take_sent(), &client);
    }
    for (int round = 0; kind >= 2 && round < 4; ++round) {
      client.shake_hands();
      give(session, client.take_sent(), &client);
    }
    bool goes_on = true;
    while (goes_on && !octets.empty()) {
      const std::string part = octets.substr(0, piece);
      octets.erase(0, part.size());
      goes_on = give(session, part, nullptr);
    }
    MAILRACE_CHECK(kept_bytes <= 2 * core::kTlsEncryptedBytesMax);
    session.close();
    MAILRACE_CHECK(kept_bytes == 0);
    take_output(session, nullptr);
  }
  MAILRACE_CHECK(blocks.free_count() == 1);
  return 0;
}

}  // namespace mailrace::net
