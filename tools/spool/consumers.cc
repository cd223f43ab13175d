// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool consumers` and `forget`.
#include "spool/consumers.h"

#include "tools/lib/exit_codes.h"
#include "tools/lib/file_lock.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/consumer_lag.h"
#include "tools/spool/output.h"
#include "tools/spool/owner.h"
#include "tools/spool/walk.h"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace mailrace::tools {
namespace {

// Each position on a line below its consumer.
std::string positions(const ConsumerLag& lag) {
  std::string text;
  for (const auto& [number, worker] : lag.state.cursor.workers()) {
    text += "  worker " + std::to_string(number) + ": segment " +
            std::to_string(worker.position.segment) + ", offset " +
            std::to_string(worker.position.offset) + "\n";
  }
  return text;
}

}  // namespace

int spool_consumers(int argc, char** argv) {
  std::string directory;
  bool as_json = false;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
      switch_flag("json", &as_json, "one JSON array"),
  };
  const ParseOutcome parsed =
      parse_flags("spool consumers", "shows who takes mails from a spool, and how far behind", rows,
                  argc, argv);
  if (!parsed.proceed) return parsed.exit_code;

  SpoolWalk walk(directory, /*quiet=*/false);
  ConsumerLags lags;
  if (!walk.open() || !lags.open(directory)) return kExitUsage;
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    lags.count(mail, walk.mark(mail.mail_id));
    return true;
  };
  if (!lags.all().empty() && !walk.run(std::move(visit))) return kExitUsage;
  Output out = Output::standard();
  if (as_json) {
    out.write(lags.json() + '\n');
  } else {
    out.write(lags.table());
    for (const ConsumerLag& lag : lags.all()) out.write(lag.name + '\n' + positions(lag));
  }
  out.flush();
  walk.mention_faults();
  if (out.error() != 0) complain_errno("stdout", out.error());
  return out.error() == 0 && lags.faults() == 0 ? kExitOk : kExitFailure;
}

int spool_forget(int argc, char** argv) {
  std::string directory;
  std::string name;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &directory, "DIR", "the spool"))),
      required(positional(text_flag("NAME", &name, "NAME", "the consumer"))),
  };
  const ParseOutcome parsed = parse_flags(
      "spool forget", "forgets a consumer: no mail is kept for it any more", rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  if (!SpoolWalk(directory, /*quiet=*/true).open() || !is_owner(directory)) return kExitUsage;
  const std::string path = spool::cursor_path(directory, name);
  if (!spool::is_consumer_name(name) || ::access(path.c_str(), F_OK) != 0) {
    complain(directory + ": no consumer " + printable(name));
    return kExitFailure;
  }
  FileLock lock;
  const int error = lock.acquire(path + ".lock", FileLock::Kind::try_exclusive);
  if (error == EWOULDBLOCK) {
    complain("consumer " + name + " is in use by another process");
    return kExitFailure;
  }
  if (error != 0) {
    complain_errno(path + ".lock", error);
    return kExitFailure;
  }
  PosixDisk disk;
  const auto forgotten = spool::forget_consumer(disk, directory, name);
  ::unlink((path + ".lock").c_str());
  if (forgotten) return kExitOk;
  complain_errno(path, forgotten.error().sys_errno);
  return kExitFailure;
}

}  // namespace mailrace::tools
