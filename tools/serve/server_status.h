// SPDX-License-Identifier: GPL-3.0-or-later
// What a running server tells of itself: as text, as JSON, and for Prometheus.
#pragma once

#include "core/base/time.h"
#include "net/worker_stats.h"
#include "tools/serve/memory_watch.h"

#include <atomic>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Where the numbers are. All of it outlives whoever asks.
struct StatusSources {
  std::vector<const net::WorkerStats*> workers;
  uint32_t first_worker = 0;  // the number of the first; the others follow
  const MemoryWatch* memory = nullptr;
  const std::atomic<bool>* draining = nullptr;
  core::Instant started;
  int pid = 0;
};

/// A few lines for people.
std::string status_text(const StatusSources& sources, core::Instant now);
/// One JSON object and a line end.
std::string status_json(const StatusSources& sources, core::Instant now);
/// One line without its end, as for systemd's STATUS.
std::string status_line(const StatusSources& sources);
/// Prometheus text format 0.0.4. source   net/METRICS.md
/// with_networks   also the busy networks, of which there are ever others: not for a database
std::string metrics_text(const StatusSources& sources, core::Instant now, bool with_networks);

}  // namespace mailrace::tools
