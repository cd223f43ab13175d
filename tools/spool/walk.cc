// SPDX-License-Identifier: GPL-3.0-or-later
// Read-only and without a lock: the reader copes with a server that is writing.
#include "tools/spool/walk.h"

#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "core/message/date.h"
#include "tools/spool/claims.h"
#include "tools/spool/output.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

namespace mailrace::tools {
namespace {

// A write that is under way ends within milliseconds.
constexpr auto kSettleTime = std::chrono::milliseconds(20);

const char* kind_name(spool::FindingKind kind) {
  switch (kind) {
    case spool::FindingKind::corruption:
      return "corruption";
    case spool::FindingKind::damaged_mail:
      return "damaged mail";
    case spool::FindingKind::unreadable:
      return "unreadable";
    case spool::FindingKind::dropped_mail:
      return "mail without an end";
  }
  return "";
}

const char* kind_id(spool::FindingKind kind) {
  switch (kind) {
    case spool::FindingKind::corruption:
      return "corruption";
    case spool::FindingKind::damaged_mail:
      return "damaged_mail";
    case spool::FindingKind::unreadable:
      return "unreadable";
    case spool::FindingKind::dropped_mail:
      return "unended_mail";
  }
  return "";
}

}  // namespace

SpoolWalk::SpoolWalk(std::string path, bool quiet)
    : path_(std::move(path)), reader_(disk_, path_), operations_(disk_, path_), progress_(quiet) {}

bool SpoolWalk::open() {
  const auto names = disk_.list(path_);
  if (!names) {
    complain_errno(path_, names.error().sys_errno);
    return false;
  }
  const bool ours = std::ranges::any_of(*names, [](const std::string& name) {
    return name == "lock" || spool::parse_worker_directory_name(name).has_value();
  });
  if (!ours) {
    complain(path_ + ": not a spool directory");
    return false;
  }
  const auto read = operations_.refresh();
  knows_marks_ = read && operations_.damages() == 0;
  if (knows_marks_) return true;
  ++faults_;
  complain(operations_.path() + ": " + (read ? "operation.crc" : read.error().where));
  return true;
}

std::string_view mark_name(const spool::MailMark& mark) {
  if (mark.deleted) return "deleted";
  return mark.held ? "held" : "";
}

std::function<bool()> patience() {
  return [settles = 0]() mutable {
    if (++settles > core::kWalkSettlesMax) return false;
    std::this_thread::sleep_for(kSettleTime);
    return true;
  };
}

bool SpoolWalk::run(spool::SpoolVisit visit) {
  visit.finding = [this, inner = std::move(visit.finding)](const spool::Finding& finding) {
    if (finding.kind != spool::FindingKind::dropped_mail) ++faults_;
    if (inner) inner(finding);
  };
  visit.mail = [this, inner = std::move(visit.mail)](const spool::StoredMail& mail) {
    progress_.add_mail();
    return !inner || inner(mail);
  };
  visit.progress = [this](uint64_t bytes) { progress_.add_bytes(bytes); };
  visit.settle = patience();
  const auto walked = reader_.walk(visit);
  progress_.clear();
  if (!walked) complain_errno(path_, walked.error().sys_errno);
  return walked.has_value();
}

void SpoolWalk::mention_faults() {
  if (faults_ == 0) return;
  complain(path_ + ": " + std::to_string(faults_) + " findings, see mailrace spool verify");
}

std::string timestamp(core::WallTime time) {
  char text[core::kTimestampBytes + 16];
  core::TextBuilder builder(text, sizeof text);
  core::add_timestamp(builder, time);
  return std::string(builder.text());
}

std::string queue_id(uint64_t mail_id) {
  return std::string(core::format_queue_id(mail_id).view());
}

std::string endpoint_text(const core::Endpoint& endpoint) {
  char text[core::kIpAddressTextBytesMax + 16];
  core::TextBuilder builder(text, sizeof text);
  core::add_endpoint(builder, endpoint);
  return std::string(builder.text());
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c <= '~') {
      out += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", unsigned{uint8_t(c)});
    out += escaped;
  }
  return out;
}

std::string finding_line(const spool::Finding& finding) {
  std::string line = kind_name(finding.kind);
  if (finding.mail_id != 0) line += " " + queue_id(finding.mail_id);
  return line + ": " + finding.file + ": offset " + std::to_string(finding.offset) + ": " +
         finding.what;
}

void add_finding(JsonLine& line, const spool::Finding& finding) {
  line.text("kind", kind_id(finding.kind))
      .text("file", finding.file)
      .number("offset", finding.offset)
      .text("what", finding.what);
  if (finding.mail_id != 0) line.text("id", queue_id(finding.mail_id));
}

void add_mail(JsonLine& line, const spool::StoredMail& mail) {
  const spool::StoredEnvelope& envelope = mail.envelope;
  std::string recipients = "[";
  for (const spool::StoredRecipient& recipient : envelope.recipients) {
    if (recipients.size() > 1) recipients += ',';
    add_json_string(recipients, recipient.forward_path);
  }
  line.text("id", queue_id(mail.mail_id))
      .text("received_at", timestamp(envelope.received_at))
      .text("peer", endpoint_text(envelope.peer))
      .text("helo", envelope.helo)
      .text("protocol", envelope.protocol)
      .text("mail_from", envelope.reverse_path)
      .raw("rcpt_to", recipients + ']');
  add_claims(line, envelope);
  add_tls(line, envelope.tls);
  line.number("size", mail.data_bytes);
}

}  // namespace mailrace::tools
