// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool export`: a walk, and for each mail begin, add, end of the target.
#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/export_target.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <set>
#include <string>
#include <vector>

namespace mailrace::tools {
namespace {

struct ExportFlags {
  std::string directory;
  ExportFormat format = ExportFormat::eml;
  std::string output;
  std::vector<std::string> ids;

  std::vector<Flag> rows() {
    return {
        required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
        choice_flag("format", &format, "FORMAT",
                    {{"eml", ExportFormat::eml},
                     {"mbox", ExportFormat::mbox},
                     {"maildir", ExportFormat::maildir},
                     {"jsonl", ExportFormat::jsonl}},
                    "eml and maildir: a file for each mail, octet for octet as stored; mbox: "
                    "mboxrd with LF line ends; jsonl: an object on a line, data in base64, "
                    "of what MAIL and RCPT said body, smtputf8, ret, envid, requiretls, "
                    "mt_priority and rcpt_dsn where given"),
        required(text_flag("output", &output, "PATH",
                           "directory for eml and maildir; file, or - for stdout, for mbox and "
                           "jsonl")),
        list_flag("id", &ids, "ID", "only this mail"),
    };
  }
};

bool is_directory_format(ExportFormat format) {
  return format == ExportFormat::eml || format == ExportFormat::maildir;
}

/// What is left to do, and what went wrong first.
class Export {
 public:
  Export(SpoolWalk& walk, ExportTarget& target, std::set<uint64_t> ids)
      : walk_(walk), target_(target), wanted_(std::move(ids)), all_(wanted_.empty()) {}

  // returns  whether the walk shall go on
  bool add(const spool::StoredMail& mail) {
    if (!all_ && wanted_.erase(mail.mail_id) == 0) return true;
    complaint_ = std::visit([&](auto& target) { return copy(mail, target); }, target_);
    return !complaint_ && (all_ || !wanted_.empty());
  }

  Complaint finish() {
    if (complaint_) return complaint_;
    return std::visit([](auto& target) { return target.finish(); }, target_);
  }

  const std::set<uint64_t>& missing() const { return wanted_; }

 private:
  Complaint copy(const spool::StoredMail& mail, auto& target) {
    if (auto complaint = target.begin(mail)) return complaint;
    Complaint failed;
    const auto read = walk_.reader().read_data(mail, [&](core::Octets octets) {
      failed = target.add(octets);
      return failed ? core::Result<void>(core::fail(core::Errc::io, "export.add"))
                    : core::Result<void>();
    });
    if (!read && !failed)
      failed = queue_id(mail.mail_id) + ": cannot be read: " + read.error().where;
    if (!failed) failed = target.end();
    if (failed) target.abandon();
    return failed;
  }

  SpoolWalk& walk_;
  ExportTarget& target_;
  std::set<uint64_t> wanted_;
  bool all_;
  Complaint complaint_;
};

// returns  false: one of them is none, stderr says which
bool parse_ids(const std::vector<std::string>& texts, std::set<uint64_t>& ids) {
  for (const std::string& text : texts) {
    const auto id = core::parse_queue_id(text);
    if (!id) {
      complain("'" + printable(text) + "' is not a queue id (13 digits or letters)");
      return false;
    }
    ids.insert(*id);
  }
  return true;
}

int run_export(const ExportFlags& flags, const std::set<uint64_t>& ids, ExportTarget& target) {
  SpoolWalk walk(flags.directory, /*quiet=*/false);
  if (!walk.open()) return kExitUsage;
  if (auto* const directory = std::get_if<DirectoryExport>(&target)) {
    if (const Complaint complaint = directory->prepare()) {
      complain(*complaint);
      return kExitFailure;
    }
  }
  Export work(walk, target, ids);
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) { return work.add(mail); };
  visit.finding = [&](const spool::Finding& finding) {
    walk.progress().clear();
    if (finding.kind != spool::FindingKind::dropped_mail) complain(finding_line(finding));
  };
  if (!walk.run(std::move(visit))) return kExitUsage;
  const Complaint complaint = work.finish();
  if (complaint) complain(*complaint);
  for (const uint64_t id : work.missing()) complain(flags.directory + ": no mail " + queue_id(id));
  const bool whole = !complaint && work.missing().empty() && walk.faults() == 0;
  return whole ? kExitOk : kExitFailure;
}

}  // namespace

int spool_export(int argc, char** argv) {
  ExportFlags flags;
  const ParseOutcome parsed = parse_flags(
      "spool export", "writes mails of a spool in other formats", flags.rows(), argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  std::set<uint64_t> ids;
  if (!parse_ids(flags.ids, ids)) return kExitUsage;
  if (!is_directory_format(flags.format)) {
    // Not before it is clear that there is a spool: a mistake must not empty a file.
    if (!SpoolWalk(flags.directory, /*quiet=*/true).open()) return kExitUsage;
    ExportTarget target{std::in_place_type<StreamExport>, flags.output, flags.format};
    return run_export(flags, ids, target);
  }
  if (flags.output == "-") {
    complain("--output: this format needs a directory, not -");
    return kExitUsage;
  }
  ExportTarget target{std::in_place_type<DirectoryExport>, flags.output, flags.format};
  return run_export(flags, ids, target);
}

}  // namespace mailrace::tools
