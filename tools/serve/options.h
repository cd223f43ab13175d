// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that an operator can say to `mailrace serve`.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/port/file_io.h"
#include "core/smtp/envelope.h"
#include "core/smtp/session_options.h"
#include "net/connection_options.h"
#include "tools/lib/flags.h"
#include "tools/lib/log.h"
#include "tools/serve/lockdown.h"
#include "tools/serve/privileges.h"
#include "tools/serve/space_watch.h"
#include "tools/serve/tls_keeper.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mailrace::tools {

struct ServeOptions {
  std::vector<std::string> listen = {"127.0.0.1:2525"};  // see parse_listen_address()
  std::vector<std::string> listen_tls;                   // the same, under TLS from the start
  TlsOptions tls;
  uint32_t workers = 0;
  core::SessionOptions session;  // hostname: empty is the machine's name
  std::vector<std::string> domains;
  bool accept_any_domain = false;
  std::string spool;
  core::Durability durability = core::Durability::disk;  // of listeners that do not say
  core::Duration commit_delay{};
  uint64_t commit_bytes = core::kCommitBytesDefault;
  core::WriteMode spool_io = core::WriteMode::direct;
  uint64_t spool_memory_bytes = core::kSpoolMemoryDefault;
  uint64_t segment_bytes = core::kSegmentBytesDefault;
  SpaceRules space{.free_bytes = 64 << 20, .free_inodes = 256};
  uint32_t connections_max = 0;  // of the process; 0: as many as the workers hold
  uint32_t worker_connections_max = core::kSessionsPerWorkerMax;
  uint32_t transactions_max = 0;                                        // likewise
  uint64_t memory_max = 0;                                              // octets; see MemoryWatch
  core::Duration lag_max = core::milliseconds(core::kLagMaxDefaultMs);  // 0: any
  core::Duration commit_wait_max = core::seconds(core::kCommitWaitMaxDefaultS);  // 0: any
  std::string metrics_listen;                                                    // empty: nowhere
  bool take_over = false;
  core::Duration retain_for{};  // 0: for ever
  uint64_t retain_bytes = 0;    // 0: any number
  core::Duration drain_timeout = core::seconds(core::kDrainTimeoutDefaultS);
  std::vector<std::string> proxy_protocol_from;
  std::vector<std::string> xclient_from;
  std::vector<std::string> allow_lists;  // files
  std::vector<std::string> block_lists;  // likewise
  // See parse_limit(). Nobody needs a hundred connections to send mail fast, and between connecting
  // and MAIL are some round trips.
  std::vector<std::string> limits = {"any,concurrent=100,half-open=50", "127.0.0.0/8,limits=none",
                                     "::1/128,limits=none"};
  net::ConnectionOptions connection;  // without its networks: those are above, as text
  LogFormat log_format = LogFormat::json;
  LogLevel log_level = LogLevel::info;
  PrivilegeOptions privileges;
  LockdownOptions lockdown;
  bool check = false;
  bool version = false;
};

/// The rows of the flag table; they set `options`, which must outlive them.
std::vector<Flag> serve_flags(ServeOptions& options);

}  // namespace mailrace::tools
