// SPDX-License-Identifier: GPL-3.0-or-later
// What a cursor does not say, the walk does: everything behind the position, and below it what is
// pending.
#include "tools/spool/consumer_lag.h"

#include "net/system_clock.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace mailrace::tools {
uint64_t ConsumerLag::seconds(core::WallTime now) const {
  if (!oldest || now <= *oldest) return 0;
  return uint64_t((now.ns - oldest->ns) / core::seconds(1).ns);
}

bool ConsumerLags::open(const std::string& spool_path) {
  PosixDisk disk;
  const auto names = spool::list_consumers(disk, spool_path);
  if (!names) {
    complain_errno(spool::consumers_path(spool_path), names.error().sys_errno);
    return false;
  }
  for (const std::string& name : *names) {
    ConsumerLag lag;
    lag.name = name;
    auto state = spool::read_cursor(disk, spool::cursor_path(spool_path, name));
    if (state) {
      lag.state = std::move(*state);
    } else {
      lag.unreadable = state.error().where;
      complain(spool::cursor_path(spool_path, name) + ": " + lag.unreadable);
    }
    for (const auto& [place, mail] : lag.state.cursor.pending()) {
      if (mail.mail_id == 0) ++lag.damaged;
    }
    lags_.push_back(std::move(lag));
  }
  return true;
}

void ConsumerLags::count(const spool::StoredMail& mail, const spool::MailMark& mark) {
  if (mark.deleted) return;
  const spool::LogPosition end{mail.end_segment, mail.end_offset};
  for (ConsumerLag& lag : lags_) {
    const spool::Cursor& cursor = lag.state.cursor;
    const bool waits =
        end >= cursor.worker(mail.worker).position || cursor.is_pending(mail.worker, end);
    if (!waits) continue;
    if (mark.held) {
      ++lag.held;
      continue;
    }
    ++lag.mails;
    lag.octets += mail.data_bytes;
    const core::WallTime committed{mail.end.committed_at_ns};
    lag.oldest = std::min(lag.oldest.value_or(committed), committed);
  }
}

uint64_t ConsumerLags::faults() const {
  return uint64_t(
      std::ranges::count_if(lags_, [](const ConsumerLag& lag) { return !lag.unreadable.empty(); }));
}

std::string ConsumerLags::table() const {
  if (lags_.empty()) return "";
  char line[256];
  std::snprintf(line, sizeof line, "%-24s %10s %16s %10s %10s %10s  %s\n", "consumer", "mails",
                "octets", "seconds", "held", "damaged", "saved");
  std::string text = line;
  const core::WallTime now = net::SystemClock().wall_now();
  for (const ConsumerLag& lag : lags_) {
    std::snprintf(line, sizeof line,
                  "%-24s %10" PRIu64 " %16" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "  ",
                  lag.name.c_str(), lag.mails, lag.octets, lag.seconds(now), lag.held, lag.damaged);
    text += line + (lag.state.saved_at.ns != 0 ? timestamp(lag.state.saved_at) : "-") + '\n';
  }
  return text;
}

void add_consumer(JsonLine& line, const ConsumerLag& lag, core::WallTime now) {
  line.text("consumer", lag.name)
      .number("mails", lag.mails)
      .number("octets", lag.octets)
      .number("seconds", lag.seconds(now))
      .number("held", lag.held)
      .number("damaged", lag.damaged);
  if (lag.state.saved_at.ns != 0) {
    line.text("saved_at", timestamp(lag.state.saved_at));
  } else {
    line.raw("saved_at", "null");
  }
  std::string positions;
  for (const auto& [number, worker] : lag.state.cursor.workers()) {
    std::string text;
    JsonLine position(text);
    position.number("worker", uint64_t{number})
        .number("segment", worker.position.segment)
        .number("offset", worker.position.offset)
        .number("read_from", worker.read_from);
    position.end();
    text.pop_back();  // the line end
    positions += (positions.empty() ? "" : ",") + text;
  }
  line.raw("workers", "[" + positions + "]");
}

std::string ConsumerLags::json() const {
  const core::WallTime now = net::SystemClock().wall_now();
  std::string array;
  for (const ConsumerLag& lag : lags_) {
    std::string text;
    JsonLine line(text);
    add_consumer(line, lag, now);
    line.end();
    text.pop_back();  // the line end
    array += (array.empty() ? "" : ",") + text;
  }
  return "[" + array + "]";
}

}  // namespace mailrace::tools
