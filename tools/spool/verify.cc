// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool verify`: the walk checks every header, body and mail; here it is counted.
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/consumer_lag.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <string>

namespace mailrace::tools {
namespace {

struct Totals {
  uint64_t segments = 0;
  uint64_t sealed = 0;
  uint64_t open_tails = 0;
  uint64_t torn_tails = 0;
  uint64_t stale_tails = 0;
  uint64_t damaged_tails = 0;
  uint64_t records = 0;
  uint64_t mails = 0;
  uint64_t octets = 0;
  uint64_t unaccepted = 0;
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

std::string summary(const Totals& totals, uint64_t faults) {
  const auto line = [](std::string name, uint64_t value) {
    name.resize(14, ' ');
    return name + std::to_string(value) + '\n';
  };
  return line("segments", totals.segments) + line("  sealed", totals.sealed) +
         line("  open tail", totals.open_tails) + line("  torn tail", totals.torn_tails) +
         line("  stale tail", totals.stale_tails) + line("  damaged", totals.damaged_tails) +
         line("records", totals.records) + line("mails", totals.mails) +
         line("octets", totals.octets) + line("unaccepted", totals.unaccepted) +
         line("findings", faults);
}

}  // namespace

int spool_verify(int argc, char** argv) {
  std::string directory;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
  };
  const ParseOutcome parsed =
      parse_flags("spool verify", "reads a spool and checks every checksum", rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;

  Output out = Output::standard();
  SpoolWalk walk(directory, /*quiet=*/false);
  ConsumerLags consumers;
  if (!walk.open() || !consumers.open(directory)) return kExitUsage;
  Totals totals;
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    ++totals.mails;
    totals.octets += mail.data_bytes;
    return true;
  };
  visit.segment = [&](const spool::SegmentSummary& segment) {
    add_segment(totals, segment.outcome);
  };
  visit.worker = [&](uint32_t, uint64_t unaccepted) { totals.unaccepted += unaccepted; };
  visit.finding = [&](const spool::Finding& finding) {
    walk.progress().clear();
    out.write(finding_line(finding) + '\n');
    if (out.is_terminal()) out.flush();
  };
  if (!walk.run(std::move(visit))) return kExitUsage;
  const uint64_t faults = walk.faults() + consumers.faults();
  out.write(summary(totals, faults));
  out.flush();
  if (out.error() != 0) complain_errno("stdout", out.error());
  return faults == 0 && out.error() == 0 ? kExitOk : kExitFailure;
}

}  // namespace mailrace::tools
