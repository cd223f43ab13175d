// SPDX-License-Identifier: GPL-3.0-or-later
// Flights are kept in the order of their octets. One that lands out of turn waits for those before
// it; one that fails takes every later flight with it, because a reader stops at the hole. All
// flights are of one segment, so no mail's end can be stable in a segment while an earlier part of
// the mail fails in another. The same goes for syncs: a segment is left only when it is stable, so
// one sync of the file that was written to last covers all that landed before it.
//
// A file goes on taking writes when it has lost its name. So names are looked at behind each write,
// and behind each sync, before anybody is told: of the file that was written to, and of all before
// it, back to the one where the oldest mail began that ends in the write. Nobody else may take one
// of these away: retention keeps what is behind the beginning of a mail that has not ended.
#include "spool/group_commit.h"

#include "core/base/check.h"
#include "core/base/streaming_copy.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mailrace::spool {
GroupCommit::GroupCommit(core::FileIo& files, ChunkPool& chunks, const SpoolOptions& options,
                         const GroupCommitEvents& events)
    : files_(files),
      block_bytes_(std::max(files.block_bytes(), core::kRecordAlignment)),
      chunks_(chunks),
      options_(options),
      events_(events),
      maker_(files, options.directory, options.worker, options.first_segment, options.segment_bytes,
             options.salt),
      trimmer_(files, options.sync == SyncPolicy::never),
      fill_(kLongTailBytesMax),
      last_mail_id_(options.last_mail_id) {
  MAILRACE_CHECK(block_bytes_ <= core::kBlockBytes);
  MAILRACE_CHECK(options.segment_bytes >= kSegmentHeadBytes + core::kChunkBytes + footer_bytes(1));
  for (Flight& flight : flights_) {
    flight.op = {&GroupCommit::on_written, &flight};
    flight.log = this;
    flight.pieces.reserve(core::kWriteChunksMax + 2 * kIndexRecordsMax + 2);
  }
  for (Segment& segment : segments_) {
    segment.cut = {&GroupCommit::on_cut, &segment};
    segment.log = this;
  }
  sync_ = {&GroupCommit::on_synced, this};
  path_.reserve(options.directory.size() + 1 + kSegmentNameBytes);
}

uint64_t GroupCommit::append(Chunk& chunk) noexcept {
  MAILRACE_CHECK(!closing_);
  MAILRACE_CHECK(chunk.bytes > 0);
  queue_.push(chunk);
  queued_bytes_ += chunk.bytes;
  if (chunk.ends_mail) ++queued_commits_;
  last_mail_id_ = std::max(last_mail_id_, chunk.mail_id);
  appended_ += chunk.bytes;
  chunk.end_offset = appended_;
  put_together();
  return appended_;
}

std::optional<core::Error> GroupCommit::unwritable() const noexcept {
  // A segment in the making is waited for; only one that could not be made is a refusal.
  if (current_ != nullptr || maker_.has_ready()) return std::nullopt;
  return maker_.error();
}

// Two writes under way keep the disk busy. What comes on top makes it no faster by being early, but
// by being large.
uint64_t GroupCommit::enough_bytes() const noexcept {
  if (flight_count_ < 2) return options_.commit_bytes;
  return std::min<uint64_t>(2 * options_.commit_bytes, core::kWriteBytesMax);
}

// Enough not to wait for the end of the tick: the disk is idle meanwhile, and more is to come. At
// the latest when a receive buffer's octets may not fit any more.
bool GroupCommit::has_much() const noexcept {
  constexpr uint64_t kMost = core::kWriteBytesMax - kTailBytesMax - 2 * core::kReceiveBufferBytes;
  static_assert(core::kWriteAtOnceBytes <= kMost);
  if (opened_ == nullptr) return false;
  return is_full() ||
         queued_bytes_ >= std::clamp<uint64_t>(enough_bytes(), core::kWriteAtOnceBytes, kMost);
}

bool GroupCommit::due(core::Instant now) const noexcept {
  if (current_ != nullptr && current_->state != Segment::State::open) return true;
  if (queue_.empty() && opened_ == nullptr) return false;
  if (closing_ || is_full()) return true;
  if (queued_bytes_ >= enough_bytes()) return true;
  // Small commits wait for the write under way and share the next one: by itself the batch grows as
  // the disk gets slower, and each write's cost is divided by more mails. A few do not wait if the
  // processor would, and for long: a second write costs it what nobody else wants.
  const bool beside = options_.sync == SyncPolicy::with_each_write &&
                      queued_commits_ >= core::kCommitsBesideWrite && files_.is_idle();
  if (flight_count_ > (beside ? 1 : 0)) return false;
  return queued_commits_ > 0 && now >= first_commit_at_ + options_.commit_delay;
}

std::optional<core::Instant> GroupCommit::flush(core::Instant now, core::WallTime wall) noexcept {
  now_ = now;
  wall_ = wall;
  if (const auto error = unwritable()) lose_queue(*error);
  if (queued_commits_ == 0) first_commit_at_ = {};
  if (queued_commits_ > 0 && first_commit_at_ == core::Instant{}) first_commit_at_ = now;
  while (flight_count_ < kFlights && due(now)) {
    if (!start_flight(now, wall)) break;
  }
  if (closing_) {
    finish(now, wall);
  } else {
    ensure_segment(now, wall);
  }
  if (unwritable()) {
    if (!queue_.empty()) return now;  // committed while others were told: refused the next time
    // While an attempt is under way its end is what happens next.
    return maker_.idle() && !closing_ ? std::optional(maker_.retry_at()) : std::nullopt;
  }
  // While a write is under way its end is what happens next.
  if (queued_commits_ > 0 && flight_count_ == 0 && current_ != nullptr) {
    return first_commit_at_ + options_.commit_delay;
  }
  return std::nullopt;
}

// Seals the segment behind the last octets. One that nothing was written to is kept for the next
// server if that spares it the filling, else cut to nothing.
void GroupCommit::finish(core::Instant now, core::WallTime wall) noexcept {
  if (!queue_.empty()) return;
  maker_.abandon();
  if (current_ == nullptr && maker_.has_ready()) ensure_segment(now, wall);
  if (current_ == nullptr) {
    if (maker_.idle() && !maker_.has_ready()) maker_.give_up();
    return;
  }
  if (current_->sequence > 0) {
    if (flight_count_ < kFlights) start_flight(now, wall);
    return;
  }
  if (!maker_.idle()) return;
  Segment& unused = *std::exchange(current_, nullptr);
  if (unused.filled && maker_.empty()) {
    unused.state = Segment::State::free;
    return maker_.put_back({unused.file, unused.key.generation(), unused.capacity, true});
  }
  unused.state = Segment::State::sealed;
  unused.cut_at = kSegmentHeadBytes;
  retire_segment(unused);
}

// Has a current segment, or sees to it that there will be one; and has the next one made in time.
bool GroupCommit::ensure_segment(core::Instant now, core::WallTime wall) noexcept {
  if (current_ == nullptr && maker_.has_ready() && settled() && trimmer_.has_room()) {
    Segment* const segment = free_segment();
    if (segment == nullptr) return false;
    // It may have been made long ago. What has lost its name since may be another server's.
    if (!maker_.check_ready()) return false;
    const ReadySegment ready = maker_.take();
    segment->state = Segment::State::open;
    segment->file = ready.file;
    segment->key = SegmentKey(ready.number, options_.salt);
    segment->capacity = ready.capacity;
    segment->filled = ready.filled;
    segment->used = kSegmentHeadBytes;
    segment->landed = kSegmentHeadBytes;
    segment->synced = kSegmentHeadBytes;
    segment->sequence = 0;
    index_.begin(ready.number);
    trail_.note(ready.number);
    segment->flights = 0;
    current_ = segment;
  }
  const bool wants_more = current_ == nullptr
                              ? !closing_ || !queue_.empty()
                              : !closing_ && current_->used > current_->capacity / 4;
  if (wants_more) maker_.want(now, wall, last_mail_id_);
  const bool many_wait = queued_bytes_ >= options_.commit_bytes;
  // A segment of 128 MiB may take a second to be filled, one of 64 GiB minutes.
  const bool one_waits_long =
      queued_commits_ > 0 &&
      now >= first_commit_at_ + core::milliseconds(core::kSegmentFillPatienceMs);
  if (current_ == nullptr && (many_wait || one_waits_long)) maker_.hurry();
  return current_ != nullptr;
}

// Whether no write to an earlier segment is under way, nor the mending of one.
bool GroupCommit::settled() const noexcept {
  return std::ranges::all_of(segments_, [](const Segment& segment) {
    return segment.state == Segment::State::free || segment.state == Segment::State::cutting;
  });
}

GroupCommit::Segment* GroupCommit::free_segment() noexcept {
  const auto found = std::ranges::find(segments_, Segment::State::free, &Segment::state);
  return found == segments_.end() ? nullptr : &*found;
}

bool GroupCommit::start_flight(core::Instant now, core::WallTime wall) noexcept {
  if (!ensure_segment(now, wall)) return false;
  Segment& segment = *current_;
  const bool sealing = segment.state == Segment::State::indexed;
  // Who finds the seal takes everything before it for granted.
  if (sealing && (segment.flights > 0 || !is_stable(segment))) return false;
  Flight& flight = opened_ != nullptr ? *std::exchange(opened_, nullptr) : open_flight();
  if (segment.state == Segment::State::open) {
    const bool full = place_chunks(flight);
    if (full || (closing_ && queue_.empty())) segment.state = Segment::State::full;
  }
  if (sealing) {
    add_seal(flight);
  } else if (segment.state == Segment::State::full && place_index(flight)) {
    add_long_mark(flight);
    segment.state = Segment::State::indexed;
  } else {
    add_mark(flight, block_end(segment.used + record_bytes(kMarkBodyBytes)));
  }
  MAILRACE_CHECK(segment.used % block_bytes_ == 0);
  MAILRACE_CHECK(segment.used <= segment.capacity);
  queued_bytes_ -= flight.chunk_bytes;
  queued_commits_ -= flight.commits;
  written_ = flight.end;
  MAILRACE_CHECK(written_ <= appended_);
  ++flight_count_;
  ++segment.flights;
  ++writes_;
  // Commits that did not fit have waited as long as those that did.
  if (queued_commits_ == 0) first_commit_at_ = {};
  send_off(flight);
  return true;
}

void GroupCommit::send_off(Flight& flight) noexcept {
  if (flight.buffer != nullptr) {
    core::end_streaming();
    flight.pieces.push_back({flight.buffer, flight.file_bytes});
  }
  files_.write(flight.op, flight.segment->file, flight.pieces, flight.file_offset,
               options_.sync == SyncPolicy::with_each_write);
}

void GroupCommit::on_written(core::FileOp& op, int result) {
  Flight& flight = *static_cast<Flight*>(op.context);
  flight.log->land(flight, result);
}

void GroupCommit::land(Flight& flight, int result) noexcept {
  MAILRACE_CHECK(!flight.done);
  flight.done = true;
  if (flight.buffer != nullptr) files_.give_buffer(std::exchange(flight.buffer, nullptr));
  --flight.segment->flights;
  // A short write is a failure like any other: the rest would have to be written again, and after
  // an error the page cache may no longer hold what was written before.
  const bool whole = result >= 0 && uint64_t(result) == flight.file_bytes;
  if (!whole && !flight.dead) {
    const int error = result < 0 ? result : -EIO;
    break_segment(*flight.segment, flight.file_offset,
                  core::fail_errno(error, "segment.write").value());
  }
  retire_flights();
}

void GroupCommit::break_segment(Segment& segment, uint64_t cut_at,
                                const core::Error& error) noexcept {
  last_failure_ = error;
  ++failures_;
  segment.cut_at = cut_at;
  segment.state = Segment::State::broken;
  if (current_ == &segment) current_ = nullptr;
  for (size_t i = 0; i < flight_count_; ++i) {
    Flight& flight = flights_[(first_flight_ + i) % kFlights];
    if (flight.segment != &segment || flight.file_offset < cut_at) continue;
    flight.dead = true;
    for (const Chunk* chunk = flight.chunks.front(); chunk != nullptr; chunk = chunk->next) {
      events_.lost(events_.context, *chunk, last_failure_);
    }
  }
  if (opened_ != nullptr && opened_->segment == &segment) discard_opened(error);
  drop_lost_chunks();
}

// Nobody has seen it yet, so it need not land to be gone.
void GroupCommit::discard_opened(const core::Error& error) noexcept {
  Flight& flight = *std::exchange(opened_, nullptr);
  while (!flight.chunks.empty()) {
    Chunk& chunk = flight.chunks.pop();
    events_.lost(events_.context, chunk, error);
    chunks_.give(chunk);
  }
  queued_bytes_ -= flight.chunk_bytes;
  queued_commits_ -= flight.commits;
  if (flight.buffer != nullptr) files_.give_buffer(std::exchange(flight.buffer, nullptr));
}

// Half a mail is not worth writing, and would look like damage to a reader.
void GroupCommit::drop_lost_chunks() noexcept {
  ChunkQueue kept;
  uint64_t dropped_bytes = 0;
  while (!queue_.empty()) {
    Chunk& chunk = queue_.pop();
    if (!events_.is_lost(events_.context, chunk)) {
      kept.push(chunk);
      continue;
    }
    if (chunk.ends_mail) --queued_commits_;
    dropped_bytes += chunk.bytes;
    chunks_.give(chunk);
  }
  queue_ = kept;
  queued_bytes_ -= dropped_bytes;
}

// No segment can be made: whoever waits is told now, as whoever begins is refused now. Kept waiting
// they would hold their chunks, and their clients, until somebody cleans up the disk.
void GroupCommit::lose_queue(const core::Error& error) noexcept {
  if (queue_.empty()) return;
  for (const Chunk* chunk = queue_.front(); chunk != nullptr; chunk = chunk->next) {
    events_.lost(events_.context, *chunk, error);
  }
  drop_lost_chunks();
  MAILRACE_CHECK(queue_.empty());
  events_.moved(events_.context);
}

const char* GroupCommit::path_of(uint64_t number) noexcept {
  path_.assign(options_.directory).push_back('/');
  append_segment_file_name(path_, number);
  return path_.c_str();
}

// Whether a restart would find the segment, and those from the one on where the oldest of its mails
// began. Of the older ones only the name is known.
int GroupCommit::check_names(const Segment& segment, uint64_t first) noexcept {
  const uint64_t number = segment.key.generation();
  return trail_.visit_from(std::min(first, number), [&](uint64_t used) {
    const core::FileHandle file = used == number ? segment.file : core::FileHandle{};
    return files_.check_name(file, path_of(used));
  });
}

// What was reported stays where it is: the file may have been renamed, or come back.
void GroupCommit::lose_segment(Segment& segment, int result) noexcept {
  const core::Error error = core::fail_errno(result, "segment.name").value();
  break_segment(segment, segment.landed, error);
  lose_directory(error);
}

void GroupCommit::lose_directory(const core::Error& error) noexcept {
  if (options_.tail != nullptr) options_.tail->withdraw();
  maker_.lose(error);
  give_up_mails(error);
}

// The maker may have lost the directory by itself, while what was written went on.
void GroupCommit::lose(const core::Error& error) noexcept {
  if (maker_.is_lost() && current_ == nullptr && flight_count_ == 0) return;
  Segment* const segment = current_;
  if (segment != nullptr) break_segment(*segment, segment->landed, error);
  lose_directory(error);
  if (segment != nullptr && segment->flights == 0) retire_segment(*segment);
}

void GroupCommit::retire_flights() noexcept {
  if (flight_count_ == 0 || !flights_[first_flight_].done) return;
  uint64_t first = UINT64_MAX;
  for (size_t i = 0; i < flight_count_; ++i) {
    const Flight& flight = flights_[(first_flight_ + i) % kFlights];
    if (!flight.done || flight.dead) break;
    first = std::min(first, flight.first_segment);
  }
  Segment* segment = flights_[first_flight_].segment;
  if (const int result = first < UINT64_MAX ? check_names(*segment, first) : 0; result < 0) {
    lose_segment(*segment, result);
  }
  while (flight_count_ > 0 && flights_[first_flight_].done) {
    Flight& flight = flights_[first_flight_];
    share(flight);
    while (!flight.chunks.empty()) chunks_.give(flight.chunks.pop());
    MAILRACE_CHECK(flight.end >= landed_);
    MAILRACE_CHECK(flight.end <= written_);
    if (!flight.dead) segment->landed = flight.file_offset + flight.file_bytes;
    if (!flight.dead && flight.ends_disk_mail) {
      disk_mails_to_ = flight.end;
      disk_mails_from_ = std::min(disk_mails_from_, flight.first_segment);
    }
    landed_ = flight.end;  // what is dead below it was reported lost, nobody waits for it
    first_flight_ = (first_flight_ + 1) % kFlights;
    --flight_count_;
  }
  if (options_.sync == SyncPolicy::with_each_write) note_durable(landed_);
  trim_cache(*segment);
  if (segment->flights == 0) retire_segment(*segment);
  sync_if_awaited(*segment);
  events_.moved(events_.context);
}

void GroupCommit::share(const Flight& flight) noexcept {
  if (options_.tail == nullptr || flight.dead || maker_.is_lost()) return;
  options_.tail->add(flight.segment->key.generation(), flight.file_offset, flight.file_bytes,
                     flight.shared_at);
}

void GroupCommit::trim_cache(const Segment& segment) noexcept {
  const bool synced_apart = options_.sync == SyncPolicy::behind_writes;
  trimmer_.advance(segment.file, synced_apart ? segment.synced : segment.landed);
}

// A broken segment is synced when it was cut.
void GroupCommit::sync_if_awaited(Segment& segment) noexcept {
  const bool is_sound =
      segment.state == Segment::State::open || segment.state == Segment::State::full ||
      segment.state == Segment::State::indexed || segment.state == Segment::State::sealed;
  if (!is_sound || syncing_ != nullptr) return;
  // Nobody waits for the latter, but what is not stable cannot be dropped from the page cache.
  const bool many = !is_stable(segment) && trimmer_.wants_sync(segment.landed - segment.synced);
  if (disk_mails_to_ > durable_ || many) start_sync(segment);
}

void GroupCommit::start_sync(Segment& segment) noexcept {
  MAILRACE_CHECK(syncing_ == nullptr);
  MAILRACE_CHECK(options_.sync == SyncPolicy::behind_writes);
  syncing_ = &segment;
  sync_covers_ = landed_;
  sync_covers_file_ = segment.landed;
  files_.sync_data(sync_, segment.file);
}

void GroupCommit::on_synced(core::FileOp& op, int result) {
  static_cast<GroupCommit*>(op.context)->end_sync(result);
}

// After a failure nobody knows what of all that landed since the last sync is still there. What was
// reported of it stays where it is, for it may well be; the others go on nowhere.
void GroupCommit::end_sync(int result) noexcept {
  Segment& segment = *std::exchange(syncing_, nullptr);
  const int named = result < 0 ? 0 : check_names(segment, disk_mails_from_);
  if (named < 0) {
    lose_segment(segment, named);
  } else if (result >= 0) {
    note_durable(sync_covers_);
    segment.synced = sync_covers_file_;
    trim_cache(segment);
  } else {
    const core::Error error = core::fail_errno(result, "segment.sync").value();
    if (segment.state != Segment::State::broken) break_segment(segment, segment.landed, error);
    give_up_mails(error);
  }
  if (segment.flights == 0) retire_segment(segment);
  sync_if_awaited(segment);
  events_.moved(events_.context);
}

void GroupCommit::note_durable(uint64_t offset) noexcept {
  durable_ = std::max(durable_, offset);
  if (disk_mails_to_ <= durable_) disk_mails_from_ = UINT64_MAX;
}

// Whether what has landed needs no sync any more.
bool GroupCommit::is_stable(const Segment& segment) const noexcept {
  return options_.sync != SyncPolicy::behind_writes || segment.synced == segment.landed;
}

void GroupCommit::retire_segment(Segment& segment) noexcept {
  if (syncing_ == &segment) return;  // its end comes here again
  const bool sealed = segment.state == Segment::State::sealed;
  const bool indexed = segment.state == Segment::State::indexed;
  if (!sealed && !indexed && segment.state != Segment::State::broken) return;
  // Octets of the file, not of the log: a mark and a seal are none, and matter to readers as well.
  if ((sealed || indexed) && !is_stable(segment)) return start_sync(segment);
  if (indexed) return;  // the seal comes next
  if (sealed && segment.capacity - segment.cut_at <= core::kSealedRestBytesMax) {
    trimmer_.close(segment.file);
    segment.state = Segment::State::free;
    return;
  }
  segment.state = sealed ? Segment::State::cutting : Segment::State::mending;
  files_.truncate(segment.cut, segment.file, segment.cut_at);
}

// Whole records behind a hole would be corruption to a reader, so this cut is made stable. If it
// fails the hole stays; what lies behind it was promised to nobody, and goes on nowhere.
void GroupCommit::on_cut(core::FileOp& op, int result) {
  Segment& segment = *static_cast<Segment*>(op.context);
  if (segment.state == Segment::State::mending && result >= 0) {
    segment.state = Segment::State::settling;
    return segment.log->files_.sync(segment.cut, segment.file);
  }
  GroupCommit& log = *segment.log;
  const bool mended = segment.state != Segment::State::cutting;
  const bool awaited = mended && result >= 0 && log.disk_mails_to_ > log.durable_;
  const int named = awaited ? log.check_names(segment, log.disk_mails_from_) : 0;
  log.trimmer_.close(segment.file);
  segment.state = Segment::State::free;
  if (!mended) return;
  if (result < 0) return log.give_up_mails(core::fail_errno(result, "segment.cut").value());
  if (named < 0) return log.lose_directory(core::fail_errno(named, "segment.name").value());
  if (log.durable_ == log.landed_) return;
  log.note_durable(log.landed_);
  log.events_.moved(log.events_.context);
}

void GroupCommit::give_up_mails(const core::Error& error) noexcept {
  MAILRACE_CHECK(opened_ == nullptr);  // there is no sound segment that it could be for
  events_.gap(events_.context, error);
  drop_lost_chunks();
  note_durable(landed_);  // nobody who has octets below it waits any more
  events_.moved(events_.context);
}

bool GroupCommit::closed() const noexcept {
  return closing_ && queue_.empty() && opened_ == nullptr && flight_count_ == 0 &&
         current_ == nullptr && maker_.empty() && trimmer_.empty() &&
         std::ranges::all_of(segments_, [](const Segment& segment) {
           return segment.state == Segment::State::free;
         });
}

}  // namespace mailrace::spool
