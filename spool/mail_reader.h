// SPDX-License-Identifier: GPL-3.0-or-later
// Mails put together from the records of one worker, across interleaving and segments.
#pragma once

#include "spool/envelope.h"
#include "spool/reader.h"
#include "spool/record.h"

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

namespace mailrace::spool {

/// Where octets of a mail's data are.
struct Extent {
  uint64_t segment = 0;  // number of the segment, in the worker's directory
  uint64_t offset = 0;   // of the first octet of data, from the start of the file
  uint32_t bytes = 0;
  uint32_t crc = 0;  // CRC-32C of these octets
};

/// An accepted mail; its data stays on disk, see SpoolReader::read_data().
struct StoredMail {
  uint64_t mail_id = 0;
  uint32_t worker = 0;
  StoredEnvelope envelope;
  uint64_t data_bytes = 0;
  std::vector<Extent> extents;  // in the order of the data
  EndBody end;
  uint64_t first_segment = 0;  // number of the segment with its first record
  uint64_t end_segment = 0;    // and of the one with its end record,
  uint64_t end_offset = 0;     // which begins here, from the start of the file
};

/// Puts records together. Memory: kReaderOpenMailsMax envelopes, and an Extent for each of their
/// data records.
class MailReader {
 public:
  enum class Event : uint8_t {
    none,
    mail,     // mail() is complete
    damaged,  // an end record came, but the mail before it is not whole: see problem()
    dropped,  // too many mails without an end: the one that was silent longest, see problem()
    cut_off,  // an end record came, but the mail has records in front of a gap: mail().end
  };
  struct Problem {
    uint64_t mail_id = 0;
    uint64_t first_segment = 0;  // with the mail's first record; 0: it was not seen
    uint64_t segment = 0;
    uint64_t offset = 0;    // of the record that showed it
    const char* what = "";  // static string, e.g. "mail.data_bytes"
  };

  explicit MailReader(uint32_t worker) : worker_(worker) {}

  /// Takes the next record of the worker; `segment` is the number of the segment it stands in.
  Event add(uint64_t segment, const Record& record);

  /// Segments are missing here because somebody removed them, or did not read them. A mail that has
  /// records there is no more wanted: its end is no fault.
  void note_gap();
  /// Records were lost here: what is missing from now on is damage again.
  void note_damage() noexcept { gap_ = false; }

  /// The lowest segment with the first record of a mail that has no end yet.
  std::optional<uint64_t> oldest_open_segment() const;

  /// Valid after Event::mail, until the next call; its end after Event::cut_off.
  const StoredMail& mail() const noexcept { return mail_; }
  /// Valid after Event::damaged and Event::dropped.
  const Problem& problem() const noexcept { return problem_; }
  /// Mails without an end record: in progress, given up by the sender, or cut off by a crash.
  uint64_t unaccepted() const noexcept { return open_.size() + dropped_; }

 private:
  struct OpenMail {
    StoredMail mail;
    uint64_t first_offset = 0;
    const char* bad = nullptr;  // what is wrong already
    bool cut_off = false;       // began in front of a gap
  };
  using Open = std::list<OpenMail>;

  OpenMail* find(uint64_t mail_id);
  Event add_envelope(uint64_t segment, const Record& record);
  void add_data(uint64_t segment, const Record& record);
  Event add_end(uint64_t segment, const Record& record);
  Event drop_oldest();

  uint32_t worker_;
  Open open_;  // the one that had no record for longest comes first
  std::unordered_map<uint64_t, Open::iterator> by_id_;
  uint64_t dropped_ = 0;
  bool gap_ = false;  // mails without their first records began in segments that were removed
  StoredMail mail_;
  Problem problem_;
};

}  // namespace mailrace::spool
