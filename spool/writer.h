// SPDX-License-Identifier: GPL-3.0-or-later
// Mails of many connections into one log: the one copy, checksums, and who is told when.
#pragma once

#include "core/port/mail_sink.h"
#include "spool/chunk.h"
#include "spool/group_commit.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace mailrace::spool {

/// The spool of one worker. A mail gathers its records in a chunk of its own; full chunks and ended
/// mails go to the log. Memory is the chunk pool, whatever the mails' size and number.
class Writer final : public core::MailSink {
 public:
  /// files   must outlive this, and run its operations until closed()
  Writer(core::FileIo& files, const SpoolOptions& options, const core::MailSinkEvents& events);

  /// Also fails while memory is low, which begin() does not: what was promised room goes on.
  core::Result<void> ready() const override;
  core::SinkLoad load(core::Instant now) const override;
  core::Result<core::MailHandle> begin(const core::Envelope& envelope,
                                       core::MailOwner owner) override;
  core::Result<size_t> append(const core::MailHandle& mail, core::Octets octets) override;
  void commit(const core::MailHandle& mail) override;
  void abort(const core::MailHandle& mail) override;

  std::optional<core::Instant> flush(core::Instant now, core::WallTime wall) override;
  void close() override { log_.close(); }
  bool closed() const override { return log_.closed() && nobody_waits(); }

  /// Gives a segment to use again. returns   false if enough of them wait already
  /// source   SegmentMaker::recycle()
  bool recycle(uint64_t number) noexcept { return log_.recycle(number); }

  /// The directory is not ours any more. source   GroupCommit::lose()
  void lose(const core::Error& error) noexcept { log_.lose(error); }
  /// The directory that was found to be gone is there again. source   SegmentMaker::restore()
  void restore(uint64_t loss, uint64_t first) noexcept { log_.restore(loss, first); }

  const GroupCommit& log() const noexcept { return log_; }
  /// Mails that are neither reported nor aborted yet, and aborted ones that the log still has.
  size_t open_mails() const noexcept { return open_count_; }
  size_t free_chunks() const noexcept { return chunks_.free_count(); }

 private:
  enum class State : uint8_t { free, open, lost, committing };

  struct Mail {
    State state = State::free;
    bool in_line = false;    // commit() was called
    bool forgotten = false;  // abort() was called while in line: nobody is told
    uint32_t generation = 0;
    uint32_t next = kNone;  // free list, or the queue of those who wait
    core::MailOwner owner;
    uint64_t mail_id = 0;
    uint64_t end_offset = 0;  // in the log, of the last chunk; 0: none so far
    uint64_t data_bytes = 0;
    uint32_t data_records = 0;
    uint16_t recipients = 0;
    Durability durability = Durability::disk;
    core::MailOutcome outcome = core::MailOutcome::durable;
    Chunk* chunk = nullptr;  // with a data record open
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  /// Committing mails that wait for the same offset of the log, in the order of their ends.
  struct Line {
    uint32_t first = kNone;
    uint32_t last = kNone;
    bool progress = false;        // somebody was told since the last flush(), or begins to wait
    core::Instant progress_at{};  // as of that
  };

  static void on_moved(void* self);
  static SpoolOptions behind_lost_ids(SpoolOptions options);
  static void on_lost(void* self, const Chunk& chunk, const core::Error& error);
  static void on_gap(void* self, const core::Error& error);
  static bool is_lost(void* self, const Chunk& chunk);

  core::Result<void> can_begin() const noexcept;
  void watch_memory() noexcept;
  Mail* find(const core::MailHandle& handle) noexcept;
  bool write_envelope(Mail& mail, uint32_t slot, const core::Envelope& envelope) noexcept;
  Chunk* take_chunk(const Mail& mail, uint32_t slot) noexcept;
  void push_chunk(Mail& mail) noexcept;
  void describe(Chunk& chunk, const Mail& mail, uint32_t slot) const noexcept;
  bool open_chunk(Mail& mail, uint32_t slot) noexcept;
  bool append_apart(Mail& mail, uint32_t slot, core::Octets octets) noexcept;
  void lose(Mail& mail, const core::Error& error) noexcept;
  void release(uint32_t slot) noexcept;
  void wait_in_line(uint32_t slot) noexcept;
  bool nobody_waits() const noexcept {
    return for_disk_.first == kNone && for_page_cache_.first == kNone;
  }
  static void note_progress(Line& line, core::Instant now) noexcept;
  void report_ended() noexcept;
  void report_ended(Line& line, uint64_t offset) noexcept;
  uint64_t next_mail_id(core::WallTime wall) noexcept;

  size_t chunk_count_;
  ChunkPool chunks_;
  GroupCommit log_;
  core::MailSinkEvents events_;
  uint32_t worker_;
  SyncPolicy sync_;
  uint64_t last_mail_id_;
  core::WallTime wall_;

  std::vector<Mail> mails_;
  uint32_t free_ = 0;
  uint32_t open_count_ = 0;
  Line for_disk_;
  Line for_page_cache_;
  bool wants_room_ = false;
  bool memory_low_ = false;  // from chunks_low() on, until chunks_back()
};

}  // namespace mailrace::spool
