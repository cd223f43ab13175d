// SPDX-License-Identifier: GPL-3.0-or-later
// Only what might still become "CRLF" or "From " is held back: six octets at most.
#include "tools/spool/mbox.h"

#include "core/message/date.h"

#include <cstdio>

namespace mailrace::tools {
namespace {

constexpr std::string_view kFrom = "From ";
constexpr int64_t kSecondsPerDay = 86400;

// As asctime(3) writes it, which is what readers of mbox expect.
std::string mbox_date(core::WallTime time) {
  static constexpr const char* kWeekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int64_t seconds = time.ns / 1'000'000'000 - (time.ns % 1'000'000'000 < 0 ? 1 : 0);
  const int64_t days = seconds / kSecondsPerDay - (seconds % kSecondsPerDay < 0 ? 1 : 0);
  const int64_t of_day = seconds - days * kSecondsPerDay;
  const core::CivilDate date = core::civil_from_days(days);
  char text[64];
  std::snprintf(text, sizeof text, "%s %s %2u %02d:%02d:%02d %04lld", kWeekdays[date.weekday],
                kMonths[date.month - 1], date.day, int(of_day / 3600), int(of_day / 60 % 60),
                int(of_day % 60), static_cast<long long>(date.year));
  return text;
}

}  // namespace

std::string mbox_sender(std::string_view reverse_path) {
  if (reverse_path.empty()) return "MAILER-DAEMON";
  std::string sender(reverse_path);
  for (char& c : sender) {
    if (uint8_t(c) <= ' ' || c == 0x7f) c = '-';
  }
  return sender;
}

void MboxEncoder::begin(const spool::StoredMail& mail, std::string& target) {
  target += "From " + mbox_sender(mail.envelope.reverse_path) + ' ' +
            mbox_date(mail.envelope.received_at) + '\n';
  *this = {};
}

void MboxEncoder::add(core::Octets octets, std::string& target) {
  for (const char c : core::as_text(octets)) {
    if (cr_) {
      cr_ = false;
      if (c != '\n') add_octet('\r', target);  // a bare CR is no line end, it stays
    }
    if (c == '\r') {
      cr_ = true;
    } else {
      add_octet(c, target);
    }
  }
}

void MboxEncoder::add_octet(char c, std::string& target) {
  line_empty_ = c == '\n';
  if (line_start_) {
    if (matched_ == 0 && c == '>') {
      target += c;
      return;
    }
    if (c == kFrom[matched_]) {
      if (++matched_ < kFrom.size()) return;
      target += '>';
      target += kFrom;
      matched_ = 0;
      line_start_ = false;
      return;
    }
    target += kFrom.substr(0, matched_);
    matched_ = 0;
  }
  target += c;
  line_start_ = c == '\n';
}

void MboxEncoder::finish(std::string& target) {
  if (cr_) add_octet('\r', target);
  target += kFrom.substr(0, matched_);
  if (!line_empty_) target += '\n';
  target += '\n';
  *this = {};
}

}  // namespace mailrace::tools
