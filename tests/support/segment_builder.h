// SPDX-License-Identifier: GPL-3.0-or-later
// Segments as a writer would leave them, from mails that a test names.
#pragma once

#include "core/base/bytes.h"
#include "core/smtp/envelope.h"
#include "spool/record.h"
#include "spool/segment.h"
#include "spool/segment_index.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tests {

/// A mail as a test wants it.
struct TestMail {
  uint64_t mail_id = 1;
  std::string reverse_path = "sender@example.org";
  std::vector<std::string> forward_paths = {"recipient@example.com"};
  core::MailClaims claims{};
  std::string envelope_id{};
  core::NotifySet notify = core::NotifySet::unspecified;  // of all recipients
  std::string original_recipient{};                       // of all recipients
  std::string data;
  int64_t received_at_ns = 0;
};

/// Octets of a segment that grow record by record.
class SegmentBuilder {
 public:
  /// salt   0: a segment of format version 1
  explicit SegmentBuilder(uint64_t generation, uint32_t worker = 0, uint64_t salt = 0,
                          uint32_t version = spool::kSegmentVersion);

  /// One record. returns  its offset in the file
  uint64_t add(spool::RecordType type, uint64_t mail_id, core::Octets body);

  uint64_t add_envelope(const TestMail& mail);
  uint64_t add_data(uint64_t mail_id, std::string_view data);
  uint64_t add_end(uint64_t mail_id, uint64_t data_bytes, uint32_t data_records,
                   uint16_t recipients = 1);
  /// Envelope, data in pieces of at most `piece_bytes`, end.
  void add_mail(const TestMail& mail, size_t piece_bytes = 16 << 10);
  /// As a write ends that began when everything before `durable_bytes` had landed.
  uint64_t add_mark(uint64_t durable_bytes);
  /// A seal as up to version 2.
  void add_seal();
  /// Index, mark and seal.
  void add_footer();
  /// Zeros up to a file of `bytes`.
  void allocate(uint64_t bytes);

  const std::vector<std::byte>& octets() const { return octets_; }
  /// Offsets of all records so far.
  const std::vector<uint64_t>& offsets() const { return offsets_; }
  uint64_t end() const { return octets_.size(); }

 private:
  void note_end(uint64_t mail_id, uint64_t offset, core::Octets body);

  spool::SegmentKey key_;
  uint64_t sequence_ = 0;
  uint64_t mails_ = 0;
  spool::SealBody seal_;                    // of a footer, as far as it is known
  std::vector<spool::IndexEntry> entries_;  // of its index
  std::vector<std::byte> octets_;
  std::vector<uint64_t> offsets_;
};

/// The fields of an envelope record with fixed peer, HELO name and protocol.
std::vector<std::byte> encode_test_envelope(const TestMail& mail);

}  // namespace mailrace::tests
