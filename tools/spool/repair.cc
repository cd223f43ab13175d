// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool repair`: says what is wrong and what is done about it; see spool/salvage.h for
// what that is. Nothing is deleted.
#include "core/base/limits.h"
#include "spool/salvage.h"
#include "spool/spool_reader.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/file_lock.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/lib/json.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/commands.h"
#include "tools/spool/output.h"
#include "tools/spool/owner.h"
#include "tools/spool/walk.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace mailrace::tools {
namespace {

struct RepairFlags {
  std::string directory;
  bool dry_run = false;
  bool json = false;
};

struct Totals {
  uint64_t segments = 0;
  uint64_t records = 0;
  uint64_t mails = 0;
  uint64_t lost = 0;
  uint64_t places = 0;
  uint64_t octets_left_out = 0;
  uint64_t left_alone = 0;
};

std::string error_text(const core::Error& error) {
  const std::string where = error.where;
  return error.sys_errno != 0 ? where + ": " + std::strerror(error.sys_errno) : where;
}

/// The work of one call, after everything was found to be as it must be.
class Repair {
 public:
  Repair(const RepairFlags& flags, SpoolWalk& walk) : flags_(flags), walk_(walk) {}

  int run() {
    const auto workers = walk_.reader().workers();
    if (!workers) {
      complain_errno(flags_.directory, workers.error().sys_errno);
      return kExitUsage;
    }
    for (const uint32_t worker : *workers) repair(worker);
    walk_.progress().clear();
    out_.write(flags_.json ? summary_json() : summary());
    out_.flush();
    if (out_.error() != 0) complain_errno("stdout", out_.error());
    const bool to_do = flags_.dry_run && totals_.segments > 0;
    const bool good = totals_.left_alone == 0 && !to_do && out_.error() == 0;
    return good ? kExitOk : kExitFailure;
  }

 private:
  void repair(uint32_t worker) {
    spool::SpoolVisit visit;
    visit.progress = [this](uint64_t bytes) { walk_.progress().add_bytes(bytes); };
    visit.finding = [this](const spool::Finding& finding) { tell(finding); };
    visit.settle = patience();  // --dry-run may look while a server writes
    const auto plan = spool::plan_salvage(disk_, flags_.directory, worker, visit);
    if (!plan) {
      ++totals_.left_alone;
      complain(flags_.directory + ": " + error_text(plan.error()));
      return;
    }
    for (const spool::Finding& finding : plan->in_the_way) leave_alone(finding.file, finding.what);
    if (!plan->in_the_way.empty()) return;
    totals_.lost += plan->lost.size();
    for (const spool::DamagedSegment& segment : plan->segments) {
      const auto done = spool::salvage_segment(disk_, flags_.directory, *plan, segment,
                                               /*measure=*/flags_.dry_run);
      walk_.progress().clear();
      if (done) {
        tell(segment.file, *done);
      } else {
        leave_alone(segment.file, error_text(done.error()));
      }
    }
  }

  void tell(const spool::Finding& finding) {
    walk_.progress().clear();
    if (!flags_.json) return out_.write(finding_line(finding) + '\n');
    std::string text;
    JsonLine line(text);
    add_finding(line, finding);
    line.end();
    out_.write(text);
  }

  void tell(const std::string& file, const spool::SalvageOutcome& done) {
    ++totals_.segments;
    totals_.records += done.records;
    totals_.mails += done.mails;
    totals_.places += done.places;
    totals_.octets_left_out += done.octets_left_out;
    std::string text;
    if (flags_.json) {
      JsonLine line(text);
      line.text("kind", flags_.dry_run ? "would_replace" : "replaced")
          .text("file", file)
          .number("records", done.records)
          .number("mails", done.mails)
          .number("places", done.places)
          .number("octets_left_out", done.octets_left_out);
      if (!flags_.dry_run) line.text("kept_as", done.kept_as);
      line.end();
    } else {
      text = std::string(flags_.dry_run ? "would replace: " : "replaced: ") + file + ": keeps " +
             std::to_string(done.records) + " records, " + std::to_string(done.mails) +
             " ends of mails; leaves out " + std::to_string(done.octets_left_out) + " octets in " +
             std::to_string(done.places) + " places";
      if (!flags_.dry_run) text += "; the damaged one is " + done.kept_as;
      text += '\n';
    }
    out_.write(text);
  }

  void leave_alone(const std::string& file, const std::string& what) {
    ++totals_.left_alone;
    std::string text;
    if (flags_.json) {
      JsonLine line(text);
      line.text("kind", "left_alone").text("file", file).text("what", what);
      line.end();
    } else {
      text = "left alone: " + file + ": " + what + '\n';
    }
    out_.write(text);
  }

  std::string summary() const {
    const auto line = [](std::string name, uint64_t value) {
      name.resize(16, ' ');
      return name + std::to_string(value) + '\n';
    };
    return line(flags_.dry_run ? "to be replaced" : "replaced", totals_.segments) +
           line("records kept", totals_.records) + line("places left out", totals_.places) +
           line("octets left out", totals_.octets_left_out) + line("mails lost", totals_.lost) +
           line("left alone", totals_.left_alone);
  }

  std::string summary_json() const {
    std::string text;
    JsonLine line(text);
    line.text("kind", "summary")
        .raw("dry_run", flags_.dry_run ? "true" : "false")
        .number("segments", totals_.segments)
        .number("records", totals_.records)
        .number("mails", totals_.mails)
        .number("places", totals_.places)
        .number("octets_left_out", totals_.octets_left_out)
        .number("lost_mails", totals_.lost)
        .number("left_alone", totals_.left_alone);
    line.end();
    return text;
  }

  const RepairFlags& flags_;
  SpoolWalk& walk_;
  PosixDisk disk_;
  Output out_ = Output::standard();
  Totals totals_;
};

bool lock(FileLock& lock, const std::string& directory) {
  const std::string path = directory + "/lock";
  int error = lock.acquire(path, FileLock::Kind::try_exclusive);
  // So that a server that is started meanwhile can say who has it.
  if (error == 0 && lock.write(std::to_string(::getpid()) + "\n")) return true;
  if (error == 0) error = errno;
  if (error != EWOULDBLOCK) {
    complain_errno(path, error);
    return false;
  }
  std::string pid;
  std::getline(std::ifstream(path), pid);
  complain(directory + ": in use by process " + printable(pid) + ": stop it first");
  return false;
}

}  // namespace

int spool_repair(int argc, char** argv) {
  RepairFlags flags;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &flags.directory, "DIR", "the spool"))),
      switch_flag("dry-run", &flags.dry_run, "only say what would be done"),
      switch_flag("json", &flags.json,
                  "JSON Lines: an object for each finding and for each segment"),
  };
  const ParseOutcome parsed = parse_flags("spool repair",
                                          "puts what is whole of damaged segments into new ones, "
                                          "and keeps the damaged ones beside them",
                                          rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  SpoolWalk walk(flags.directory, /*quiet=*/false);
  if (!walk.open()) return kExitUsage;
  FileLock server_lock;
  if (!flags.dry_run && !(is_owner(flags.directory) && lock(server_lock, flags.directory))) {
    return kExitUsage;
  }
  return Repair(flags, walk).run();
}

}  // namespace mailrace::tools
