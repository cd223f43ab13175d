// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool export`: a walk, and for each mail begin, add, end of the target; or, for a
// consumer, see hand_off.h.
#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/export_target.h"
#include "tools/spool/hand_off.h"
#include "tools/spool/hand_off_target.h"
#include "tools/spool/output.h"
#include "tools/spool/owner.h"
#include "tools/spool/walk.h"

#include <signal.h>

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

struct ExportFlags {
  std::string directory;
  ExportFormat format = ExportFormat::eml;
  std::string output;
  std::vector<std::string> ids;
  std::string consumer;
  bool follow = false;

  std::vector<Flag> rows() {
    const TextRule name{"1 to 64 letters, digits, '-', '_' and '.', a letter or digit first",
                        spool::is_consumer_name};
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
        text_flag("consumer", &consumer, "NAME",
                  "only what this consumer has not acknowledged, which is remembered in the spool; "
                  "eml, maildir and jsonl, to which lines are added",
                  name),
        switch_flag("follow", &follow,
                    "wait for more mails, until SIGTERM or SIGINT; needs --consumer"),
    };
  }
};

bool is_directory_format(ExportFormat format) {
  return format == ExportFormat::eml || format == ExportFormat::maildir;
}

/// What is left to do, and what is wrong with the target.
class Export {
 public:
  Export(SpoolWalk& walk, ExportTarget& target, std::set<uint64_t> ids)
      : walk_(walk), target_(target), wanted_(std::move(ids)), all_(wanted_.empty()) {}

  // returns  whether the walk shall go on
  bool add(const spool::StoredMail& mail) {
    if (!all_ && wanted_.erase(mail.mail_id) == 0) return true;
    const spool::MailMark mark = walk_.mark(mail.mail_id);
    if (mark.held || mark.deleted) {
      ++(mark.deleted ? deleted_ : held_);
      return all_ || !wanted_.empty();
    }
    complaint_ = std::visit([&](auto& target) { return copy(mail, target); }, target_);
    return !complaint_ && (all_ || !wanted_.empty());
  }

  Complaint finish() {
    if (complaint_) return complaint_;
    return std::visit([](auto& target) { return target.finish(); }, target_);
  }

  const std::set<uint64_t>& missing() const { return wanted_; }
  bool has_unread() const { return has_unread_; }

  // Says on stderr what was left out. returns  whether somebody asked for it by its id
  bool mention_left_out() const {
    if (held_ > 0) complain(std::to_string(held_) + " held mails were left out");
    if (deleted_ > 0) complain(std::to_string(deleted_) + " deleted mails were left out");
    return !all_ && held_ + deleted_ > 0;
  }

 private:
  // A mail that cannot be read, because its segment was taken away meanwhile, costs no other: it is
  // not begun before there are octets of it.
  Complaint copy(const spool::StoredMail& mail, auto& target) {
    Complaint failed;
    bool begun = false;
    const auto begin = [&] {
      if (!std::exchange(begun, true)) failed = target.begin(mail);
    };
    const auto read = walk_.reader().read_data(mail, [&](core::Octets octets) {
      begin();
      if (!failed) failed = target.add(octets);
      return failed ? core::Result<void>(core::fail(core::Errc::io, "export.add"))
                    : core::Result<void>();
    });
    if (!read && !failed) {
      walk_.progress().clear();
      complain(queue_id(mail.mail_id) + ": cannot be read: " + read.error().where);
      has_unread_ = true;
      return begun ? target.abandon() : std::nullopt;
    }
    if (!failed) begin();
    if (!failed) failed = target.end();
    if (failed) (void)target.abandon();
    return failed;
  }

  SpoolWalk& walk_;
  ExportTarget& target_;
  std::set<uint64_t> wanted_;
  bool all_;
  uint64_t held_ = 0;
  uint64_t deleted_ = 0;
  bool has_unread_ = false;
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
  // Nobody knows which mails are not to be handed to anybody.
  if (!walk.knows_marks()) return kExitFailure;
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
  const bool refused = work.mention_left_out();
  const bool whole =
      !complaint && !refused && !work.has_unread() && work.missing().empty() && walk.faults() == 0;
  return whole ? kExitOk : kExitFailure;
}

// What flags alone cannot say.
std::optional<std::string> contradiction(const ExportFlags& flags) {
  const bool directory = is_directory_format(flags.format);
  if (directory && flags.output == "-") {
    return "--output: this format needs a directory, not -";
  }
  if (flags.consumer.empty()) {
    if (flags.follow) return "--follow: needs --consumer";
    return std::nullopt;
  }
  if (!flags.ids.empty()) return "--id: not together with --consumer";
  if (flags.format == ExportFormat::mbox) {
    return "--format: 'mbox' is not for --consumer (allowed there: eml, maildir or jsonl)";
  }
  // A pipe cannot say that the octets are safe.
  if (flags.output == "-") return "--output: with --consumer a file, not -";
  return std::nullopt;
}

volatile sig_atomic_t stop_requested = 0;

void request_stop(int) { stop_requested = 1; }

int run_hand_off(const ExportFlags& flags) {
  const bool is_spool = SpoolWalk(flags.directory, /*quiet=*/true).open();
  if (!is_spool || !is_owner(flags.directory)) return kExitUsage;
  struct sigaction action {};
  action.sa_handler = request_stop;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  HandOffTarget target = is_directory_format(flags.format)
                             ? HandOffTarget(std::in_place_type<DirectoryHandOff>, flags.output,
                                             flags.format, flags.consumer)
                             : HandOffTarget(std::in_place_type<LineHandOff>, flags.output);
  HandOff work({flags.directory, flags.consumer, flags.follow}, target,
               [] { return stop_requested != 0; });
  return work.run();
}

}  // namespace

int spool_export(int argc, char** argv) {
  ExportFlags flags;
  const ParseOutcome parsed = parse_flags(
      "spool export", "writes mails of a spool in other formats", flags.rows(), argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  std::set<uint64_t> ids;
  if (!parse_ids(flags.ids, ids)) return kExitUsage;
  if (const auto wrong = contradiction(flags)) {
    complain(*wrong);
    return kExitUsage;
  }
  if (!flags.consumer.empty()) return run_hand_off(flags);
  if (!is_directory_format(flags.format)) {
    // Not before it is clear that there is a spool: a mistake must not empty a file.
    if (!SpoolWalk(flags.directory, /*quiet=*/true).open()) return kExitUsage;
    ExportTarget target{std::in_place_type<StreamExport>, flags.output, flags.format};
    return run_export(flags, ids, target);
  }
  ExportTarget target{std::in_place_type<DirectoryExport>, flags.output, flags.format};
  return run_export(flags, ids, target);
}

}  // namespace mailrace::tools
