// SPDX-License-Identifier: GPL-3.0-or-later
// What a worker counts for whoever looks at the server from outside.
#pragma once

#include "core/base/counter.h"
#include "core/policy/busy_networks.h"
#include "core/policy/client_limits.h"
#include "core/policy/overload.h"
#include "core/smtp/reply_counts.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mailrace::net {

/// What a mail spends its time in, as the server sees it.
enum class MailStage : uint8_t {
  banner,  // accept to the greeting
  ehlo,    // the greeting, or the end of a TLS handshake, to EHLO
  mail,    // from there, or from the end of the mail before, to MAIL
  rcpt,    // MAIL to 354, or to the first BDAT
  data,    // from there to the end of mail data
  append,  // of that: waiting for spool memory
  sync,    // the end of mail data to where 250 may be said
  reply,   // from there until the kernel has taken the reply
};
inline constexpr size_t kMailStageCount = 8;
inline constexpr std::array<std::string_view, kMailStageCount> kMailStageNames = {
    "banner", "ehlo", "mail", "rcpt", "data", "append", "sync", "reply"};

/// Of one worker: written by its thread, read by any. No two workers' are in one cache line.
struct alignas(64) WorkerStats {
  core::Counter connections;  // accepted
  core::Counter dropped;      // accepted and closed at once: there was no place even to refuse
  core::Counter blocked;      // by the block list
  core::Counter received;     // octets, from the network
  core::Counter mails;        // accepted with 250
  core::Counter mail_octets;  // of mail data of these
  core::Counter handshakes;   // of TLS that came to their end
  core::Counter resumed;      // of these
  core::Counter timeouts;
  core::Counter starvations;      // a receive ended for want of buffers
  core::Counter overflows;        // ticks in which more had completed than the queue holds
  core::Counter accept_failures;  // out of descriptors, or of memory
  std::array<core::Counter, core::kLimitedCount> limited;  // refusals, by --limit
  core::ReplyCounts replies;
  std::array<core::TimeCounter, kMailStageCount> stages;
  core::BusyNetworks networks;

  // As of the last tick.
  core::Counter open;        // connections
  core::Counter open_mails;  // from 354, or the first BDAT, to the reply
  core::Counter receive_buffers_lent;
  core::Counter spool_memory;    // thousandths
  core::Counter reusable_bytes;  // of pools: memory that is taken, and not used now
  core::Counter lag_us;
  core::Counter strain;  // core::Strain
  core::Counter strain_cause;
};

}  // namespace mailrace::net
