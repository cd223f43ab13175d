// SPDX-License-Identifier: GPL-3.0-or-later
// What was put into a spool and what was promised, compared with what is found there.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/prng.h"
#include "core/port/mail_sink.h"
#include "core/smtp/recipient_list.h"
#include "spool/envelope.h"
#include "spool/spool_reader.h"
#include "tests/sim/sim_file.h"
#include "tests/support/memory_disk.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

inline constexpr char kSimSpool[] = "spool";
inline constexpr char kSimWorker[] = "spool/worker-0000";
inline constexpr uint64_t kSimSalt = 0x5a175a175a17;

/// A mail made up from a seed: envelope and octets.
struct SimMail {
  uint64_t seed = 0;
  uint64_t data_bytes = 0;
  uint32_t recipients = 1;
  core::Durability durability = core::Durability::disk;

  std::string reverse_path() const;
  std::string forward_path(uint32_t index) const;
  spool::StoredRecipient recipient(uint32_t index) const;
  core::MailClaims claims() const;
  std::string envelope_id() const;
  std::vector<std::byte> data() const;
};

/// Whether the envelope, and what the end record says of it, are what was sent.
bool is_as_sent(const spool::StoredMail& mail, const SimMail& expected);
/// Whether the octets are. fails   they cannot be read
core::Result<bool> has_data_as_sent(spool::SpoolReader& reader, const spool::StoredMail& mail,
                                    const SimMail& expected);

/// A mail that a writer took, and what became of it.
struct LedgerEntry {
  SimMail mail;
  bool committed = false;
  bool aborted = false;
  bool excused = false;  // the power failed, and nobody had promised that it survives that
  bool gone = false;     // and it did not
  bool passed = false;   // everybody has it: it may be there, or not
  bool removed = false;  // somebody may have removed it: the same
  bool wiped = false;    // octets went bad: nobody may know its id any more
  bool retired = false;  // its segment may be used again: it need not be there any more
  std::optional<core::MailOutcome> outcome = std::nullopt;
};

/// The books of one spool, across restarts.
class MailLedger {
 public:
  /// Opens a mail in `sink`. The envelope lives only for the call.
  core::Result<core::MailHandle> begin(core::MailSink& sink, const SimMail& mail,
                                       core::MailOwner owner, core::WallTime wall);
  LedgerEntry& at(uint64_t mail_id) { return entries_.at(mail_id); }
  const std::map<uint64_t, LedgerEntry>& entries() const { return entries_; }

  /// Findings in these segments are no fault: a crash left holes there, out of order as writes are.
  std::set<std::string> excused;
  /// Whether findings anywhere else are a fault.
  bool findings_count = true;

  /// Reads the spool on `disk`, and compares: each mail reported durable is there once and whole;
  /// no mail is there that nobody committed; nothing is there twice.
  /// crashed   the last segment that has a record is excused from here on
  void compare(MemoryDisk& disk, bool crashed, const char* when);

  /// The power failed: mails that were promised the page cache only need not be there any more.
  void power_failed();

  /// Somebody removed files: what was promised so far need not be there any more.
  void taken_away();

  std::vector<std::string> problems;
  uint64_t excused_lost = 0;  // mails that were reported and are gone as they may be, all together
  uint64_t durable_seen = 0;  // mails found that were reported durable, all comparisons together
  uint64_t footers_seen = 0;  // that check, all comparisons together

 private:
  void problem(const char* when, uint64_t mail_id, const std::string& what);
  void compare_footers(MemoryDisk& disk, const char* when);

  core::BlockPool paths_{4096, 512};
  std::map<uint64_t, LedgerEntry> entries_;
};

}  // namespace mailrace::tests
