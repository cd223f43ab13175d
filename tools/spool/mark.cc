// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool hold`, `release` and `delete`: one record in the operations log.
#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "net/system_clock.h"
#include "spool/operations.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/file_lock.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/output.h"
#include "tools/spool/owner.h"
#include "tools/spool/walk.h"

#include <cstring>
#include <optional>
#include <string>

namespace mailrace::tools {
namespace {

using spool::OperationKind;

// Where the mail lies, or nothing if it is not in the spool.
std::optional<spool::Operation> find(SpoolWalk& walk, uint64_t mail_id) {
  std::optional<spool::Operation> found;
  spool::SpoolVisit visit;
  visit.only_worker = uint32_t(mail_id % core::kWorkersMax);  // as spool/FORMAT.md makes ids
  visit.mail = [&](const spool::StoredMail& mail) {
    if (mail.mail_id != mail_id) return true;
    found = spool::Operation{.worker = mail.worker,
                             .mail_id = mail_id,
                             .first_segment = mail.first_segment,
                             .last_segment = mail.end_segment};
    return false;
  };
  walk.run(std::move(visit));
  return found;
}

// To keep a mail it must be there; one that is in the log may be let go whatever became of it, or
// its segments would be kept for good.
std::optional<spool::Operation> locate(SpoolWalk& walk, uint64_t mail_id, OperationKind kind) {
  const spool::MailMark mark = walk.mark(mail_id);
  if (mark.last_segment == 0 || kind == OperationKind::hold) return find(walk, mail_id);
  return spool::Operation{.worker = mark.worker,
                          .mail_id = mail_id,
                          .first_segment = mark.first_segment,
                          .last_segment = mark.last_segment};
}

// Under the lock, so that retention removes nothing between the look and the record.
int append(const std::string& directory, OperationKind kind, uint64_t mail_id) {
  FileLock lock;
  const std::string lock_path = directory + "/operations.lock";
  if (const int error = lock.acquire(lock_path, FileLock::Kind::wait_exclusive)) {
    complain_errno(lock_path, error);
    return kExitFailure;
  }
  SpoolWalk walk(directory, /*quiet=*/false);
  if (!walk.open()) return kExitUsage;
  if (!walk.knows_marks()) return kExitFailure;
  const spool::MailMark mark = walk.mark(mail_id);
  if (mark.deleted && kind != OperationKind::remove) {
    complain(queue_id(mail_id) + ": deleted");
    return kExitFailure;
  }
  // Said before: as good as said now.
  const bool said = kind == OperationKind::hold      ? mark.held
                    : kind == OperationKind::release ? !mark.held
                                                     : mark.deleted;
  auto operation = locate(walk, mail_id, kind);
  if (!operation) {
    complain(directory + ": no mail " + queue_id(mail_id));
    return kExitFailure;
  }
  if (said) return kExitOk;
  operation->kind = kind;
  operation->at = net::SystemClock().wall_now();
  PosixDisk disk;
  spool::Operations operations(disk, directory);
  const auto appended = operations.append(*operation);
  if (appended) return kExitOk;
  const core::Error& error = appended.error();
  complain(operations.path() + ": " + error.where +
           (error.sys_errno != 0 ? std::string(": ") + std::strerror(error.sys_errno) : ""));
  return kExitFailure;
}

int run(OperationKind kind, const char* name, const char* summary, int argc, char** argv) {
  std::string directory;
  std::string id_text;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
      required(positional(text_flag("ID", &id_text, "ID", "queue id of the mail"))),
  };
  const ParseOutcome parsed = parse_flags(name, summary, rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  const auto id = core::parse_queue_id(id_text);
  if (!id) {
    complain("'" + printable(id_text) + "' is not a queue id (13 digits or letters)");
    return kExitUsage;
  }
  // Not before it is clear that there is a spool: nothing is left in a directory that is none.
  if (!SpoolWalk(directory, /*quiet=*/true).open() || !is_owner(directory)) return kExitUsage;
  return append(directory, kind, *id);
}

}  // namespace

int spool_hold(int argc, char** argv) {
  return run(OperationKind::hold, "spool hold",
             "keeps a mail, and hands it to no consumer until it is released", argc, argv);
}

int spool_release(int argc, char** argv) {
  return run(OperationKind::release, "spool release", "lets a held mail go", argc, argv);
}

int spool_delete(int argc, char** argv) {
  return run(OperationKind::remove, "spool delete",
             "hands a mail to no consumer any more, for good", argc, argv);
}

}  // namespace mailrace::tools
