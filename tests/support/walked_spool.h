// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that a walk over a spool tells, kept for a test to look at.
#pragma once

#include "core/base/check.h"
#include "core/port/disk.h"
#include "spool/spool_reader.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mailrace::tests {

struct WalkedSpool {
  std::map<uint64_t, spool::StoredMail> mails;
  std::map<uint64_t, std::string> data;  // by mail_id
  std::vector<spool::Finding> findings;
  std::vector<spool::SegmentSummary> segments;
  uint64_t unaccepted = 0;

  bool found(spool::FindingKind kind, uint64_t offset) const {
    for (const spool::Finding& finding : findings) {
      if (finding.kind == kind && finding.offset == offset) return true;
    }
    return false;
  }
};

inline std::vector<std::string> forward_paths_of(const spool::StoredEnvelope& envelope) {
  std::vector<std::string> paths;
  for (const auto& recipient : envelope.recipients) paths.push_back(recipient.forward_path);
  return paths;
}

/// Walks all workers and reads the data of every mail.
inline WalkedSpool walk_spool(core::Disk& disk, const std::string& path,
                              std::function<bool()> settle = nullptr) {
  WalkedSpool walked;
  spool::SpoolReader reader(disk, path);
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    MAILRACE_CHECK(!walked.mails.contains(mail.mail_id));
    walked.mails[mail.mail_id] = mail;
    std::string& data = walked.data[mail.mail_id];
    const auto read = reader.read_data(mail, [&](core::Octets piece) -> core::Result<void> {
      data += core::as_text(piece);
      return {};
    });
    MAILRACE_CHECK(read.has_value());
    return true;
  };
  visit.finding = [&](const spool::Finding& finding) { walked.findings.push_back(finding); };
  visit.segment = [&](const spool::SegmentSummary& segment) { walked.segments.push_back(segment); };
  visit.worker = [&](uint32_t, uint64_t unaccepted) { walked.unaccepted += unaccepted; };
  visit.settle = std::move(settle);
  MAILRACE_CHECK(reader.walk(visit).has_value());
  return walked;
}

}  // namespace mailrace::tests
