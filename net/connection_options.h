// SPDX-License-Identifier: GPL-3.0-or-later
// What an operator can choose about connections, besides what is said on them.
#pragma once

#include "core/base/cidr.h"
#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/policy/client_limits.h"

#include <cstdint>

namespace mailrace::net {

/// How long a peer may take. The defaults are those of RFC 5321 section 4.5.3.2, where it has any.
struct Timeouts {
  core::Duration command = core::seconds(core::kCommandTimeoutS);
  core::Duration data_block = core::seconds(core::kDataBlockTimeoutS);
  core::Duration reply = core::seconds(core::kReplyTimeoutS);
  core::Duration proxy_header = core::seconds(core::kProxyHeaderTimeoutS);
  core::Duration tls_handshake = core::seconds(core::kTlsHandshakeTimeoutS);
  core::Duration linger = core::seconds(core::kLingerTimeoutS);
  core::Duration transaction = core::seconds(core::kTransactionTimeDefaultS);
  uint64_t data_rate_min = core::kDataRateMinDefault;  // octets per second; 0: none
};

/// What becomes of clients that speak before it is their turn.
enum class EarlyTalker : uint8_t { log, reject };

/// The same for all connections that begin with it, which it must outlive.
struct ConnectionOptions {
  core::CidrSet proxy_from;    // peers that must send a PROXY header; from others it means nothing
  core::CidrSet xclient_from;  // clients that may say XCLIENT
  core::LimitRules limits;     // of what clients may use
  core::Duration greeting_delay{};
  EarlyTalker early_talker = EarlyTalker::log;
  Timeouts timeouts;
};

}  // namespace mailrace::net
