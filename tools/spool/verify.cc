// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool verify`: the walk checks every header, body and mail; here it is named and
// counted. Three things look alike on the disk and are not: corruption is damage; a torn tail and
// what an earlier generation left are what a crash and a recycled file leave, and lose nothing.
#include "spool/salvage.h"
#include "spool/segment.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/lib/json.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/commands.h"
#include "tools/spool/consumer_lag.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

struct Totals {
  uint64_t segments = 0;
  uint64_t sealed = 0;
  uint64_t open_tails = 0;
  uint64_t torn_tails = 0;
  uint64_t stale_tails = 0;
  uint64_t damaged_tails = 0;
  uint64_t set_aside = 0;  // damaged ones that were repaired; none of the segments
  uint64_t records = 0;
  uint64_t mails = 0;
  uint64_t octets = 0;
  uint64_t unaccepted = 0;
  uint64_t corruptions = 0;
  uint64_t damaged_mails = 0;
  uint64_t unreadable = 0;
  uint64_t findings = 0;  // all that is wrong: these three, cursors, the operations log
};

/// A row of the summary; the JSON has all of them in one object.
struct Row {
  const char* label;
  const char* json_name;
  uint64_t Totals::*value;
};
constexpr Row kRowTable[] = {
    {"segments", "segments", &Totals::segments},
    {"  sealed", "sealed", &Totals::sealed},
    {"  open tail", "open_tails", &Totals::open_tails},
    {"  torn tail", "torn_tails", &Totals::torn_tails},
    {"  stale tail", "stale_tails", &Totals::stale_tails},
    {"  damaged", "damaged_tails", &Totals::damaged_tails},
    {"set aside", "set_aside", &Totals::set_aside},
    {"records", "records", &Totals::records},
    {"mails", "mails", &Totals::mails},
    {"octets", "octets", &Totals::octets},
    {"unaccepted", "unaccepted", &Totals::unaccepted},
    {"findings", "findings", &Totals::findings},
    {"  corruption", "corruptions", &Totals::corruptions},
    {"  mails", "damaged_mails", &Totals::damaged_mails},
    {"  unreadable", "unreadable", &Totals::unreadable},
};

void add_segment(Totals& totals, const spool::SegmentOutcome& outcome) {
  ++totals.segments;
  totals.records += outcome.records;
  switch (outcome.end) {
    case spool::SegmentEnd::sealed:
      ++totals.sealed;
      return;
    case spool::SegmentEnd::open_tail:
      ++totals.open_tails;
      return;
    case spool::SegmentEnd::stale_tail:
      ++totals.stale_tails;
      return;
    case spool::SegmentEnd::torn_tail:
      ++totals.torn_tails;
      return;
    case spool::SegmentEnd::damaged_tail:
      ++totals.damaged_tails;
      return;
  }
}

void add_kind(Totals& totals, spool::FindingKind kind) {
  switch (kind) {
    case spool::FindingKind::corruption:
      ++totals.corruptions;
      return;
    case spool::FindingKind::damaged_mail:
      ++totals.damaged_mails;
      return;
    case spool::FindingKind::unreadable:
      ++totals.unreadable;
      return;
    case spool::FindingKind::dropped_mail:
      return;
  }
}

std::string finding_json(const spool::Finding& finding) {
  std::string text;
  JsonLine line(text);
  add_finding(line, finding);
  line.end();
  return text;
}

// What stands behind the last whole record, if it is worth a word: "" if not.
std::string tail_text(const spool::SegmentSummary& segment, bool as_json) {
  const spool::SegmentOutcome& outcome = segment.outcome;
  const bool torn = outcome.end == spool::SegmentEnd::torn_tail;
  const bool stale = outcome.end == spool::SegmentEnd::stale_tail;
  if (!torn && !stale) return "";
  const uint64_t octets = segment.file_bytes - std::min(segment.file_bytes, outcome.valid_bytes);
  std::string text;
  if (as_json) {
    JsonLine line(text);
    line.text("kind", torn ? "torn_tail" : "stale_generation")
        .text("file", segment.file)
        .number("offset", outcome.valid_bytes)
        .number("octets", octets);
    if (stale) line.number("generation", outcome.tail_generation);
    line.end();
    return text;
  }
  text = std::string(torn ? "torn tail: " : "stale generation: ") + segment.file + ": offset " +
         std::to_string(outcome.valid_bytes) + ": " + std::to_string(octets) + " octets";
  if (stale) text += ", generation " + std::to_string(outcome.tail_generation);
  return text + '\n';
}

// Damaged segments that `mailrace spool repair` kept: nobody reads them, somebody should.
uint64_t count_set_aside(SpoolWalk& walk, const std::string& directory) {
  uint64_t count = 0;
  PosixDisk disk;
  for (const uint32_t worker : walk.reader().workers().value_or(std::vector<uint32_t>{})) {
    const auto names = disk.list(directory + "/" + spool::worker_directory_name(worker));
    if (!names) continue;
    count += uint64_t(std::ranges::count_if(*names, [](const std::string& name) {
      return spool::damaged_segment_number(name).has_value();
    }));
  }
  return count;
}

std::string summary(const Totals& totals, bool as_json) {
  std::string text;
  if (as_json) {
    JsonLine line(text);
    line.text("kind", "summary");
    for (const Row& row : kRowTable) line.number(row.json_name, totals.*row.value);
    line.end();
    return text;
  }
  for (const Row& row : kRowTable) {
    std::string label = row.label;
    label.resize(14, ' ');
    text += label + std::to_string(totals.*row.value) + '\n';
  }
  return text;
}

}  // namespace

int spool_verify(int argc, char** argv) {
  std::string directory;
  bool as_json = false;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
      switch_flag("json", &as_json, "JSON Lines: an object for each finding, then one with counts"),
  };
  const ParseOutcome parsed = parse_flags(
      "spool verify",
      "reads a spool and checks every checksum; exits 1 if something is wrong, not for torn tails "
      "and stale generations",
      rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;

  Output out = Output::standard();
  SpoolWalk walk(directory, /*quiet=*/false);
  ConsumerLags consumers;
  if (!walk.open() || !consumers.open(directory)) return kExitUsage;
  Totals totals;
  const auto tell = [&](const std::string& text) {
    if (text.empty()) return;
    walk.progress().clear();
    out.write(text);
    if (out.is_terminal()) out.flush();
  };
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    ++totals.mails;
    totals.octets += mail.data_bytes;
    return true;
  };
  visit.segment = [&](const spool::SegmentSummary& segment) {
    add_segment(totals, segment.outcome);
    tell(tail_text(segment, as_json));
  };
  visit.worker = [&](uint32_t, uint64_t unaccepted) { totals.unaccepted += unaccepted; };
  visit.finding = [&](const spool::Finding& finding) {
    add_kind(totals, finding.kind);
    tell(as_json ? finding_json(finding) : finding_line(finding) + '\n');
  };
  if (!walk.run(std::move(visit))) return kExitUsage;
  totals.set_aside = count_set_aside(walk, directory);
  totals.findings = walk.faults() + consumers.faults();
  out.write(summary(totals, as_json));
  out.flush();
  if (out.error() != 0) complain_errno("stdout", out.error());
  return totals.findings == 0 && out.error() == 0 ? kExitOk : kExitFailure;
}

}  // namespace mailrace::tools
