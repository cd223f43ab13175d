// SPDX-License-Identifier: GPL-3.0-or-later
// What the subcommands of `mailrace spool` share: opening a spool, walking it, wording findings.
#pragma once

#include "spool/operations.h"
#include "spool/spool_reader.h"
#include "tools/lib/json.h"
#include "tools/lib/posix_disk.h"
#include "tools/spool/progress.h"

#include <functional>
#include <string>
#include <string_view>

namespace mailrace::tools {

/// A spool directory that a subcommand reads.
class SpoolWalk {
 public:
  /// quiet   see Progress
  SpoolWalk(std::string path, bool quiet);

  /// Whether there is a spool; if not, one line on stderr says why. Reads the operations log; what
  /// is wrong with it is a fault, and a line on stderr.
  bool open();

  /// Whether all that operators said is known.
  bool knows_marks() const { return knows_marks_; }
  /// Whether an operator held or deleted the mail, as far as it is known.
  spool::MailMark mark(uint64_t mail_id) const { return operations_.of(mail_id); }

  /// Walks it with the functions of `visit`; adds patience for a running server and progress.
  /// Findings that `visit` does not take are counted.
  /// returns   false: it could not be listed, stderr says why
  bool run(spool::SpoolVisit visit);

  spool::SpoolReader& reader() { return reader_; }
  Progress& progress() { return progress_; }
  /// Findings but for dropped mails: what is wrong with the spool.
  uint64_t faults() const { return faults_; }
  /// Points to `mailrace spool verify` on stderr, if there were faults.
  void mention_faults();

 private:
  std::string path_;
  PosixDisk disk_;
  spool::SpoolReader reader_;
  spool::Operations operations_;
  bool knows_marks_ = false;
  Progress progress_;
  uint64_t faults_ = 0;
};

/// What SpoolVisit::settle is for a spool that a server may write to.
std::function<bool()> patience();

/// "held", "deleted", or "" for most mails.
std::string_view mark_name(const spool::MailMark& mark);

/// "2026-11-24T01:48:26.123456Z"
std::string timestamp(core::WallTime time);
/// Queue id of a mail.
std::string queue_id(uint64_t mail_id);
/// "192.0.2.1:49152"
std::string endpoint_text(const core::Endpoint& endpoint);
/// Text for a terminal or a log: control characters and octets above 0x7e as \xNN.
std::string printable(std::string_view text);
/// "corruption: FILE: offset 4096: record.body_crc"; with the queue id if it concerns a mail.
std::string finding_line(const spool::Finding& finding);
/// Adds kind (corruption, damaged_mail, unreadable, unended_mail), file, offset, what, and id if it
/// concerns a mail.
void add_finding(JsonLine& line, const spool::Finding& finding);
/// Adds id, received_at, peer, helo, protocol, mail_from, rcpt_to, what add_claims() adds, and
/// size. The paths are without angle brackets; octets in them that are no UTF-8 become U+FFFD, see
/// add_json_string().
void add_mail(JsonLine& line, const spool::StoredMail& mail);

}  // namespace mailrace::tools
