// SPDX-License-Identifier: GPL-3.0-or-later
// Who waits for which offset; one synced write for many mails; a failed write seals the segment.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"
#include "core/port/file_io.h"
#include "spool/cache_trimmer.h"
#include "spool/chunk.h"
#include "spool/record.h"
#include "spool/segment_index.h"
#include "spool/segment_maker.h"
#include "spool/segment_trail.h"
#include "spool/shared_tail.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::spool {

/// How octets become stable.
enum class SyncPolicy : uint8_t {
  with_each_write,  // every mail is promised `disk`: one operation writes and syncs
  behind_writes,    // mails differ: writes are not synced, a sync follows for those who need it
  never,            // every mail is promised `page_cache`
};

/// The policy of a worker whose listeners promise these. At least one is true.
constexpr SyncPolicy sync_policy(bool disk, bool page_cache) noexcept {
  if (!disk) return SyncPolicy::never;
  return page_cache ? SyncPolicy::behind_writes : SyncPolicy::with_each_write;
}

struct SpoolOptions {
  std::string directory = {};  // of this worker; exists
  uint32_t worker = 0;
  uint64_t first_segment = 1;  // number that no file in the directory has, nor had
  uint64_t salt = 0;           // of the spool; 0: format version 1
  uint64_t last_mail_id = 0;   // the greatest in the directory
  uint64_t segment_bytes = core::kSegmentBytesDefault;
  SyncPolicy sync = SyncPolicy::with_each_write;
  uint64_t memory_bytes = core::kSpoolMemoryDefault;  // of mail data on its way to the disk
  // So many octets are written without waiting for another write, or for a commit at all.
  uint64_t commit_bytes = core::kCommitBytesDefault;
  core::Duration commit_delay{};  // how long a commit may wait for company; 0: not at all
  TailWriter* tail = nullptr;     // shares what has landed; outlives the log; nullptr: nobody does
  const std::atomic<bool>* revoked = nullptr;  // while it is true, nothing is sent ahead
};

/// What the log tells the writer.
struct GroupCommitEvents {
  void* context = nullptr;
  /// landed() or durable() has moved, or all that waited is lost.
  void (*moved)(void* context) = nullptr;
  /// This chunk's octets are lost with their segment. Comes before landed() passes them. The one
  /// event that may come from within append().
  void (*lost)(void* context, const Chunk& chunk, const core::Error& error) = nullptr;
  /// A broken segment could not be cut, so that a reader will find a hole there and may not take a
  /// mail for whole that goes on behind it; or a sync failed, and what landed since the last one is
  /// nowhere for sure. All mails that have chunks in the log, and were not reported, are lost.
  void (*gap)(void* context, const core::Error& error) = nullptr;
  /// Whether a part of the chunk's mail was lost, so that the rest need not be written.
  bool (*is_lost)(void* context, const Chunk& chunk) = nullptr;
};

/// The log of one worker: chunks in, offsets out. An offset counts octets of records since the
/// start and knows nothing of segments; `durable <= landed <= written <= appended`, always.
///
/// Writes go out in the order of appending, up to kWritesInFlightMax at a time; landed is the end
/// of the contiguous prefix that is done, durable the part of it that is stable: the same with
/// SyncPolicy::with_each_write. A chunk's place in a segment is chosen when its write starts, or
/// before, where a write is put together in a buffer: then as soon as the segment takes it. A
/// segment is written to only when all writes to the one before it have ended, and if one of them
/// failed, when the cut is stable: a segment with records vouches for the end of the one before it.
/// Neither offset moves before it was seen that the files still have their names: what was written
/// to a file that somebody has removed is lost.
/// source: spool/README.md
class GroupCommit {
 public:
  GroupCommit(core::FileIo& files, ChunkPool& chunks, const SpoolOptions& options,
              const GroupCommitEvents& events);
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Adds a chunk of closed records; it belongs to the log until it is written or lost.
  /// returns  the offset behind it
  uint64_t append(Chunk& chunk) noexcept;

  /// Whether append_apart() may be worth a try: there is a buffer that takes copies.
  bool puts_together() const noexcept;
  /// Adds a record of its own, copied from where it lies; as append() otherwise.
  /// chunk    without octets; belongs to the log until it is written or lost, if it was taken
  /// body     borrowed for the call
  /// returns  the offset behind it; nothing: there is no room for it now where copies go to
  std::optional<uint64_t> append_apart(Chunk& chunk, RecordType type, core::Octets body) noexcept;

  /// Starts the writes that need not wait for flush(), if any. To be called behind appends.
  void send_ahead() noexcept;

  /// Starts the writes that are due. To be called at the end of each tick.
  /// returns  when to call again if nothing else happens before
  std::optional<core::Instant> flush(core::Instant now, core::WallTime wall) noexcept;

  /// Gives a segment to use again; see SegmentMaker::recycle().
  bool recycle(uint64_t number) noexcept { return maker_.recycle(number); }

  /// How often the directory was found to be gone, or another one, and what to do when it is there
  /// again; see SegmentMaker::losses() and restore(). Until then nothing can be written.
  uint64_t losses() const noexcept { return maker_.losses(); }
  /// The same, found by somebody else. Nothing that is not reported yet will be said to be stored.
  void lose(const core::Error& error) noexcept;
  void restore(uint64_t loss, uint64_t first) noexcept { maker_.restore(loss, first); }

  /// Why nothing can be written now; nothing if it can.
  std::optional<core::Error> unwritable() const noexcept;

  /// Writes what is there, then seals and closes the segment, as long as flush() is called. Nothing
  /// may be appended any more.
  void close() noexcept {
    closing_ = true;
    trimmer_.finish();
  }
  bool closing() const noexcept { return closing_; }
  bool closed() const noexcept;

  uint64_t durable() const noexcept { return durable_; }
  uint64_t landed() const noexcept { return landed_; }
  uint64_t written() const noexcept { return written_; }
  uint64_t appended() const noexcept { return appended_; }

  /// Failed writes so far, with the last error.
  uint64_t failures() const noexcept { return failures_; }
  const core::Error& last_failure() const noexcept { return last_failure_; }
  /// Writes started so far.
  uint64_t writes() const noexcept { return writes_; }

 private:
  struct Segment {
    enum class State : uint8_t {
      free,
      open,
      full,      // its index is to be written
      indexed,   // only the seal is missing, which waits until everything before it has landed
      sealed,    // its last write is under way
      broken,    // a write failed, others are under way
      cutting,   // sealed and whole: the allocated rest is given back
      mending,   // broken: what lies behind the failed write is cut off
      settling,  // and the cut made stable
    };
    State state = State::free;
    core::FileHandle file;
    SegmentKey key{0};
    uint64_t capacity = 0;
    bool filled = false;    // all octets were written before
    uint64_t used = 0;      // octets of the file that are written or being written
    uint64_t cut_at = 0;    // where the file is cut in the end
    uint64_t landed = 0;    // everything before this offset of the file has
    uint64_t synced = 0;    // a sync of the file has covered this; SyncPolicy::behind_writes
    uint64_t sequence = 0;  // of the next record
    uint32_t flights = 0;   // writes under way
    GroupCommit* log = nullptr;
    core::FileOp cut;
  };

  /// One write that is put together, under way, or done but behind one that is not.
  struct Flight {
    core::FileOp op;
    GroupCommit* log = nullptr;
    Segment* segment = nullptr;
    ChunkQueue chunks;
    size_t chunk_count = 0;
    uint64_t chunk_bytes = 0;
    uint32_t commits = 0;
    uint64_t file_offset = 0;
    uint64_t file_bytes = 0;
    uint64_t end = 0;                   // log offset
    uint64_t first_segment = 0;         // where the oldest of the mails that end in it began
    std::optional<uint64_t> shared_at;  // see TailWriter::put()
    bool ends_disk_mail = false;
    bool done = false;
    bool dead = false;            // its segment broke at or before it
    std::byte* buffer = nullptr;  // of FileIo, holds it all; nullptr: the pieces do
    std::vector<iovec> pieces;
    std::array<std::byte, kTailBytesMax> tail{};  // mark, seal
  };

  static void on_written(core::FileOp& op, int result);
  static void on_cut(core::FileOp& op, int result);
  static void on_synced(core::FileOp& op, int result);

  uint64_t enough_bytes() const noexcept;
  bool has_much() const noexcept;
  // What is left over had no room in the write that is put together: it is as large as it gets.
  bool is_full() const noexcept { return opened_ != nullptr && !queue_.empty(); }
  bool due(core::Instant now) const noexcept;
  bool ensure_segment(core::Instant now, core::WallTime wall) noexcept;
  void finish(core::Instant now, core::WallTime wall) noexcept;
  Flight& open_flight() noexcept;
  bool start_flight(core::Instant now, core::WallTime wall) noexcept;
  void put_together() noexcept;
  void discard_opened(const core::Error& error) noexcept;
  enum class Room : uint8_t { enough, next_write, next_segment };
  Room room_for(const Flight& flight, uint64_t bytes) const noexcept;
  void place(Chunk& chunk, Flight& flight) noexcept;
  void take(Chunk& chunk, Flight& flight) noexcept;
  bool place_chunks(Flight& flight) noexcept;
  bool place_index(Flight& flight) noexcept;
  void note_mail(const Chunk& chunk, Flight& flight) noexcept;
  void add_piece(Flight& flight, core::Octets octets) noexcept;
  void add_mark(Flight& flight, uint64_t end) noexcept;
  void add_long_mark(Flight& flight) noexcept;
  void add_seal(Flight& flight) noexcept;
  uint64_t footer_bytes(uint64_t mails) const noexcept;
  uint64_t block_end(uint64_t offset) const noexcept;
  void land(Flight& flight, int result) noexcept;
  void break_segment(Segment& segment, uint64_t cut_at, const core::Error& error) noexcept;
  void retire_flights() noexcept;
  int check_names(const Segment& segment, uint64_t first) noexcept;
  const char* path_of(uint64_t number) noexcept;
  void lose_segment(Segment& segment, int result) noexcept;
  void lose_directory(const core::Error& error) noexcept;
  void sync_if_awaited(Segment& segment) noexcept;
  void start_sync(Segment& segment) noexcept;
  void end_sync(int result) noexcept;
  void note_durable(uint64_t offset) noexcept;
  void retire_segment(Segment& segment) noexcept;
  bool is_stable(const Segment& segment) const noexcept;
  void trim_cache(const Segment& segment) noexcept;
  void send_off(Flight& flight) noexcept;
  void share(const Flight& flight) noexcept;
  void drop_lost_chunks() noexcept;
  void lose_queue(const core::Error& error) noexcept;
  void give_up_mails(const core::Error& error) noexcept;
  bool settled() const noexcept;
  Segment* free_segment() noexcept;

  core::FileIo& files_;
  size_t block_bytes_;
  ChunkPool& chunks_;
  SpoolOptions options_;
  GroupCommitEvents events_;
  SegmentMaker maker_;
  CacheTrimmer trimmer_;
  std::string path_;  // of the segment that is looked at

  ChunkQueue queue_;           // appended, and in no flight
  Flight* opened_ = nullptr;   // behind the last flight: is put together, and not sent off
  uint64_t queued_bytes_ = 0;  // of both
  uint32_t queued_commits_ = 0;
  core::Instant first_commit_at_{};  // of the queued ones, as seen by flush()
  core::Instant now_{};              // as of the last flush()
  core::WallTime wall_{};

  static constexpr size_t kFlights = core::kWritesInFlightMax;
  std::array<Flight, kFlights> flights_;
  size_t first_flight_ = 0;
  size_t flight_count_ = 0;

  std::array<Segment, kFlights + 4> segments_;
  Segment* current_ = nullptr;
  SegmentIndex index_;  // of the segment that was written to last
  SegmentTrail trail_;
  std::vector<std::byte> fill_;  // its long mark

  // SyncPolicy::behind_writes: one at a time; who lands meanwhile shares the next one.
  core::FileOp sync_;
  Segment* syncing_ = nullptr;
  uint64_t sync_covers_ = 0;       // log offset: landed when it began
  uint64_t sync_covers_file_ = 0;  // the same in the file
  uint64_t disk_mails_to_ = 0;     // log offset: the last write that landed with the end of one
  uint64_t disk_mails_from_ = UINT64_MAX;  // where the oldest began of those who wait for a sync

  uint64_t last_mail_id_;
  uint64_t durable_ = 0;
  uint64_t landed_ = 0;
  uint64_t written_ = 0;
  uint64_t appended_ = 0;
  uint64_t failures_ = 0;
  uint64_t writes_ = 0;
  core::Error last_failure_;
  bool closing_ = false;
};

}  // namespace mailrace::spool
