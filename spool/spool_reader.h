// SPDX-License-Identifier: GPL-3.0-or-later
// A whole spool, running or not: every mail, every segment, and everything that does not check.
#pragma once

#include "core/port/disk.h"
#include "spool/footer.h"
#include "spool/mail_reader.h"
#include "spool/reader.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

enum class FindingKind : uint8_t {
  corruption,    // octets that no writer of ours wrote
  damaged_mail,  // accepted, but not whole any more
  unreadable,    // the disk or the system refused
  dropped_mail,  // no end record so far, and no memory to wait for it; not a fault of the disk
};

/// Something that does not check, and where.
struct Finding {
  FindingKind kind = FindingKind::corruption;
  std::string file;
  uint64_t offset = 0;    // octets from the start of the file
  const char* what = "";  // static string, e.g. "record.body_crc"
  uint64_t mail_id = 0;   // 0: of no single mail
};

/// A segment after its walk.
struct SegmentSummary {
  uint32_t worker = 0;
  uint64_t number = 0;
  std::string file;
  uint64_t file_bytes = 0;
  SegmentOutcome outcome = {};
  bool read = false;  // false: it could not be opened
  // What stands for its records, which were not read; see SpoolVisit::by_footer.
  std::optional<Footer> footer = {};
};

/// Who is told what during a walk; every function may be left out.
struct SpoolVisit {
  std::function<bool(const StoredMail&)> mail;  // false: ends the walk
  std::function<void(const Finding&)> finding;
  /// A worker's directory could not be listed, so its segments were not visited; a finding as well.
  std::function<void(const core::Error&)> unlisted;
  std::function<void(const SegmentSummary&)> segment;
  std::function<void(uint32_t worker, uint64_t unaccepted)> worker;  // after its last segment
  std::function<void(uint64_t bytes)> progress;                      // octets walked over since
  std::function<bool()> settle;                                      // see ReaderOptions::settle
  /// A mail that ends in a segment that was read, and has records in one that was not: by_footer.
  std::function<void(const EndBody&)> cut_off;
  std::optional<uint32_t> only_worker;
  /// Segments with a footer that checks are not read: `segment` is told what the footer says, and
  /// nobody is told of the mails that end there.
  bool by_footer = false;
  uint64_t search_zeros_max = core::kReaderSearchZerosMax;
};

/// Takes mail data piece by piece; an error ends the reading.
using DataSink = std::function<core::Result<void>(core::Octets)>;

/// Reads a spool directory and never writes. A server may be running: what it is writing at the
/// moment is not seen yet, and is no finding.
class SpoolReader {
 public:
  /// disk   must outlive the reader
  SpoolReader(core::Disk& disk, std::string spool_path);
  SpoolReader(const SpoolReader&) = delete;
  SpoolReader& operator=(const SpoolReader&) = delete;
  ~SpoolReader();

  /// Numbers of the workers that have a directory, sorted.
  /// fails   io: the spool directory cannot be listed
  core::Result<std::vector<uint32_t>> workers();

  /// Walks worker after worker, segment after segment; mails come in the order of their end
  /// records. No damage ends the walk.
  /// fails   io: the spool directory cannot be listed
  core::Result<void> walk(const SpoolVisit& visit);

  /// Hands the mail's data to `sink`, octet for octet as it was received, in pieces of at most
  /// kRecordBodyBytesMax. Each piece was verified before.
  /// fails   io, corrupt: what walk() saw is not there any more; what `sink` fails with
  core::Result<void> read_data(const StoredMail& mail, const DataSink& sink);

 private:
  struct WorkerWalk;

  bool walk_worker(uint32_t worker, const SpoolVisit& visit);
  bool walk_segment(WorkerWalk& walk, size_t index);
  bool pass_by_footer(WorkerWalk& walk, core::FileHandle file, SegmentSummary& segment);
  bool drain(WorkerWalk& walk, SegmentReader& reader, const SegmentSummary& segment);
  bool report(WorkerWalk& walk, MailReader::Event event);
  void judge_tail(WorkerWalk& walk, size_t index, SegmentSummary& segment);
  bool is_followed(const WorkerWalk& walk, size_t index);
  bool has_begun(const WorkerWalk& walk, uint64_t number);
  bool is_gone(const WorkerWalk& walk, uint64_t number);
  core::Result<core::FileHandle> file_of(uint32_t worker, uint64_t segment);

  core::Disk& disk_;
  std::string path_;
  core::FileHandle data_file_;  // the one that read_data() used last
  uint32_t data_worker_ = 0;
  uint64_t data_segment_ = 0;
  std::vector<std::byte> data_;
};

/// Path of a segment's file.
std::string segment_path(const std::string& spool_path, uint32_t worker, uint64_t number);

}  // namespace mailrace::spool
