// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool stats`: a row for each worker and one for all, one for each durability that a 250
// promised, one for each consumer, then how the server is that runs on it.
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/consumer_lag.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"
#include "tools/status/status_client.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <optional>
#include <string>

namespace mailrace::tools {
namespace {

struct Row {
  uint64_t segments = 0;
  uint64_t mails = 0;
  uint64_t octets = 0;
  uint64_t allocated_bytes = 0;  // size of the files
  uint64_t used_bytes = 0;       // up to the end of the last record
  std::optional<core::WallTime> oldest;
  std::optional<core::WallTime> newest;

  void add_time(core::WallTime time) {
    oldest = oldest ? std::min(*oldest, time) : time;
    newest = newest ? std::max(*newest, time) : time;
  }
  void add(const Row& other) {
    segments += other.segments;
    mails += other.mails;
    octets += other.octets;
    allocated_bytes += other.allocated_bytes;
    used_bytes += other.used_bytes;
    if (other.oldest) add_time(*other.oldest);
    if (other.newest) add_time(*other.newest);
  }
};

/// What was promised, by the end records.
struct Promised {
  uint64_t mails = 0;
  uint64_t octets = 0;
};
using Promises = std::map<uint8_t, Promised>;

std::string promise_name(uint8_t durability) {
  for (const auto known : {core::Durability::disk, core::Durability::page_cache}) {
    if (durability == uint8_t(known)) return std::string(core::durability_name(known));
  }
  return "unknown";
}

// Both kinds always have a row.
Promises no_promises() {
  return {{uint8_t(core::Durability::disk), {}}, {uint8_t(core::Durability::page_cache), {}}};
}

std::string promise_table(const Promises& promises) {
  char text[80];
  std::snprintf(text, sizeof text, "%-11s %10s %16s\n", "durability", "mails", "octets");
  std::string table = text;
  for (const auto& [durability, promised] : promises) {
    std::snprintf(text, sizeof text, "%-11s %10" PRIu64 " %16" PRIu64 "\n",
                  promise_name(durability).c_str(), promised.mails, promised.octets);
    table += text;
  }
  return table;
}

std::string promise_json(const Promises& promises) {
  std::string object;
  for (const auto& [durability, promised] : promises) {
    std::string text;
    JsonLine line(text);
    line.number("mails", promised.mails).number("octets", promised.octets);
    line.end();
    text.pop_back();  // the line end
    object += (object.empty() ? "\"" : ",\"") + promise_name(durability) + "\":" + text;
  }
  return "{" + object + "}";
}

std::string row_line(const std::string& name, const Row& row) {
  char text[160];
  std::snprintf(text, sizeof text,
                "%-8s %8" PRIu64 " %10" PRIu64 " %16" PRIu64 " %16" PRIu64 " %16" PRIu64 "  ",
                name.c_str(), row.segments, row.mails, row.octets, row.used_bytes,
                row.allocated_bytes);
  std::string line = text;
  line += row.oldest ? timestamp(*row.oldest) + "  " + timestamp(*row.newest) : "-  -";
  return line + '\n';
}

std::string table(const std::map<uint32_t, Row>& workers, const Row& total) {
  char head[200];
  std::snprintf(head, sizeof head, "%-8s %8s %10s %16s %16s %16s  %-27s  %s\n", "worker",
                "segments", "mails", "octets", "used", "allocated", "oldest", "newest");
  std::string text = head;
  for (const auto& [worker, row] : workers) text += row_line(std::to_string(worker), row);
  return text + row_line("total", total);
}

void add_row(JsonLine& line, const Row& row) {
  line.number("segments", row.segments)
      .number("mails", row.mails)
      .number("octets", row.octets)
      .number("used_bytes", row.used_bytes)
      .number("allocated_bytes", row.allocated_bytes);
  if (row.oldest) {
    line.text("oldest", timestamp(*row.oldest)).text("newest", timestamp(*row.newest));
  } else {
    line.raw("oldest", "null").raw("newest", "null");
  }
}

std::string json(const std::map<uint32_t, Row>& workers, const Row& total, const Promises& promises,
                 const ConsumerLags& consumers, const std::string& server) {
  std::string array;
  for (const auto& [worker, row] : workers) {
    std::string text;
    JsonLine line(text);
    line.number("worker", uint64_t{worker});
    add_row(line, row);
    line.end();
    text.pop_back();  // the line end
    array += (array.empty() ? "" : ",") + text;
  }
  std::string text;
  JsonLine line(text);
  add_row(line, total);
  line.raw("workers", "[" + array + "]").raw("durability", promise_json(promises));
  line.raw("consumers", consumers.json());
  line.raw("server", server);
  line.end();
  return text;
}

// null: none runs, or it does not let us ask.
std::string server_json(const std::string& spool) {
  auto status = ask_server(spool, "json");
  if (!status) return "null";
  status->pop_back();  // the line end
  return *status;
}

std::string server_line(const std::string& spool) {
  return "\nserver      " + ask_server(spool, "line").value_or("none that may be asked") + "\n";
}

}  // namespace

int spool_stats(int argc, char** argv) {
  std::string directory;
  bool as_json = false;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
      switch_flag("json", &as_json, "one JSON object"),
  };
  const ParseOutcome parsed =
      parse_flags("spool stats", "counts mails, octets and segments of a spool", rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;

  SpoolWalk walk(directory, /*quiet=*/false);
  ConsumerLags consumers;
  if (!walk.open() || !consumers.open(directory)) return kExitUsage;
  std::map<uint32_t, Row> workers;
  Promises promises = no_promises();
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    consumers.count(mail, walk.mark(mail.mail_id));
    Row& row = workers[mail.worker];
    ++row.mails;
    row.octets += mail.data_bytes;
    Promised& promised = promises[mail.end.durability];
    ++promised.mails;
    promised.octets += mail.data_bytes;
    row.add_time(mail.envelope.received_at);
    return true;
  };
  visit.segment = [&](const spool::SegmentSummary& segment) {
    Row& row = workers[segment.worker];
    ++row.segments;
    row.used_bytes += segment.outcome.valid_bytes;
    row.allocated_bytes += segment.file_bytes;
  };
  visit.worker = [&](uint32_t worker, uint64_t) { workers.try_emplace(worker); };
  if (!walk.run(std::move(visit))) return kExitUsage;
  Row total;
  for (const auto& [worker, row] : workers) total.add(row);
  Output out = Output::standard();
  if (as_json) {
    out.write(json(workers, total, promises, consumers, server_json(directory)));
  } else {
    const std::string lags = consumers.table();
    out.write(table(workers, total) + "\n" + promise_table(promises) +
              (lags.empty() ? "" : "\n" + lags) + server_line(directory));
  }
  out.flush();
  walk.mention_faults();
  if (out.error() != 0) complain_errno("stdout", out.error());
  return out.error() == 0 ? kExitOk : kExitFailure;
}

}  // namespace mailrace::tools
