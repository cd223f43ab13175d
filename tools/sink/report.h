// SPDX-License-Identifier: GPL-3.0-or-later
// What a sink took and did, as text and as JSON.
#pragma once

#include "core/base/time.h"
#include "tools/sink/options.h"
#include "tools/sink/stats.h"
#include "tools/sink/verify.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mailrace::tools {

struct SinkReport {
  SinkStats stats;
  core::Duration cpu{};                 // of this process, user and system
  std::optional<MailMatch> match = {};  // with --verify

  core::Duration elapsed() const noexcept;  // from the first connection to the last message
  double messages_per_second() const noexcept;
  double megabytes_per_second() const noexcept;  // of mail data, 10^6 octets
  double cpu_ms_per_message() const noexcept;
};

/// One line of what happened since the last one, for a terminal; without its end.
///
/// recent   counts of this interval only
/// interval its length
/// second   since the start
std::string sink_live_line(const SinkStats& recent, core::Duration interval, int64_t second);

/// A few lines for people.
std::string sink_report_text(const SinkReport& report, const SinkOptions& options);

/// One JSON object and a line end.
std::string sink_report_json(const SinkReport& report, const SinkOptions& options);

/// What --verify found, as in the two above.
std::string match_text(const MailMatch& match);
std::string match_json(const MailMatch& match);

}  // namespace mailrace::tools
