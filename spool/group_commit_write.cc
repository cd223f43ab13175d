// SPDX-License-Identifier: GPL-3.0-or-later
// What goes into a write, and where. Past the page cache a write is put together in a buffer, ahead
// of when it is due: what is copied in the end is copied at once, while it is in the processor's
// cache, and its memory serves again while that is there as well.
#include "core/base/check.h"
#include "core/base/streaming_copy.h"
#include "spool/group_commit.h"

#include <algorithm>
#include <cstring>

namespace mailrace::spool {

bool GroupCommit::puts_together() const noexcept {
  if (opened_ != nullptr) return true;
  const bool can_write = current_ != nullptr && current_->state == Segment::State::open;
  return can_write && flight_count_ < kFlights && !files_.is_cached();
}

void GroupCommit::put_together() noexcept {
  if (queue_.empty() || !puts_together()) return;
  if (opened_ == nullptr) opened_ = &open_flight();
  place_chunks(*opened_);
}

void GroupCommit::send_ahead() noexcept {
  if (options_.revoked != nullptr && options_.revoked->load(std::memory_order_relaxed)) return;
  while (has_much() && start_flight(now_, wall_)) put_together();
}

std::optional<uint64_t> GroupCommit::append_apart(Chunk& chunk, RecordType type,
                                                  core::Octets body) noexcept {
  MAILRACE_CHECK(!closing_);
  const uint64_t bytes = record_bytes(body.size());
  if (!queue_.empty() || !puts_together()) return std::nullopt;
  if (opened_ == nullptr) opened_ = &open_flight();
  Flight& flight = *opened_;
  if (room_for(flight, bytes) != Room::enough) return std::nullopt;
  chunk.bytes = uint32_t(bytes);
  last_mail_id_ = std::max(last_mail_id_, chunk.mail_id);
  appended_ += bytes;
  queued_bytes_ += bytes;
  chunk.end_offset = appended_;
  Segment& segment = *flight.segment;
  index_.note(chunk, segment.used);
  std::array<std::byte, core::kRecordHeaderBytes> header;
  encode_record(header, type, chunk.mail_id, body);
  place_record(header.data(), segment.key, segment.sequence++);
  // In whole words, as those who share it want it.
  const size_t words = body.size() - body.size() % core::kRecordAlignment;
  std::array<std::byte, core::kRecordAlignment> rest{};
  std::memcpy(rest.data(), body.data() + words, body.size() - words);
  add_piece(flight, header);
  add_piece(flight, body.first(words));
  if (words < body.size()) add_piece(flight, rest);
  take(chunk, flight);
  return appended_;
}

// A write to the current segment, behind what was written to it before.
GroupCommit::Flight& GroupCommit::open_flight() noexcept {
  MAILRACE_CHECK(flight_count_ < kFlights);
  Flight& flight = flights_[(first_flight_ + flight_count_) % kFlights];
  flight.segment = current_;
  flight.chunks = {};
  flight.chunk_count = 0;
  flight.chunk_bytes = 0;
  flight.commits = 0;
  flight.file_offset = current_->used;
  flight.file_bytes = 0;
  flight.end = written_;
  flight.first_segment = current_->key.generation();
  flight.shared_at.reset();
  flight.ends_disk_mail = false;
  flight.done = false;
  flight.dead = false;
  flight.buffer = files_.is_cached() ? nullptr : files_.take_buffer();
  flight.pieces.clear();
  return flight;
}

GroupCommit::Room GroupCommit::room_for(const Flight& flight, uint64_t bytes) const noexcept {
  const Segment& segment = *flight.segment;
  const uint64_t tail_at = segment.used + bytes;
  if (flight.chunk_count == core::kWriteChunksMax) return Room::next_write;
  if (tail_at + footer_bytes(index_.mails() + 1) > segment.capacity) return Room::next_segment;
  const uint64_t write_bytes = tail_at + kTailBytesMax - flight.file_offset;
  return write_bytes > core::kWriteBytesMax ? Room::next_write : Room::enough;
}

// Chunks, as long as the write has room. returns   whether the segment has no more room
bool GroupCommit::place_chunks(Flight& flight) noexcept {
  while (!queue_.empty()) {
    const Room room = room_for(flight, queue_.front()->bytes);
    if (room != Room::enough) return room == Room::next_segment;
    place(queue_.pop(), flight);
  }
  return false;
}

// Gives each record of the chunk its sequence in the segment, and the chunk a piece of the write.
void GroupCommit::place(Chunk& chunk, Flight& flight) noexcept {
  Segment& segment = *flight.segment;
  for (uint32_t at = 0; at < chunk.bytes;) {
    at += uint32_t(place_record(chunk.octets + at, segment.key, segment.sequence++));
  }
  index_.note(chunk, segment.used);
  if (chunk.ends_mail) {
    ++flight.commits;
    flight.ends_disk_mail |= chunk.durability == Durability::disk;
    note_mail(chunk, flight);
  }
  add_piece(flight, {chunk.octets, chunk.bytes});
  if (flight.buffer != nullptr) chunks_.release_octets(chunk);
  take(chunk, flight);
}

void GroupCommit::take(Chunk& chunk, Flight& flight) noexcept {
  flight.chunk_bytes += chunk.bytes;
  MAILRACE_CHECK(chunk.end_offset > flight.end);
  flight.end = chunk.end_offset;  // not a sum: octets between may have been dropped
  ++flight.chunk_count;
  flight.chunks.push(chunk);
}

// The end of a mail that nobody could say any more which files it lies in is written all the same:
// a copy too many is better than an index that does not count it.
void GroupCommit::note_mail(const Chunk& chunk, Flight& flight) noexcept {
  const uint64_t first = index_.first_segment(chunk);
  if (trail_.covers(first)) {
    flight.first_segment = std::min(flight.first_segment, first);
    return;
  }
  events_.lost(events_.context, chunk, core::fail(core::Errc::busy, "spool.mail_segments").value());
}

// A write is shared if somebody read while each piece of it was added, or not at all.
void GroupCommit::add_piece(Flight& flight, core::Octets octets) noexcept {
  if (options_.tail != nullptr) {
    const std::optional<uint64_t> position = options_.tail->put(octets);
    if (flight.file_bytes == 0 || !position) flight.shared_at = position;
  }
  if (flight.buffer == nullptr) {
    flight.pieces.push_back({const_cast<std::byte*>(octets.data()), octets.size()});
  } else {
    core::streaming_copy(flight.buffer + flight.file_bytes, octets);
  }
  flight.file_bytes += octets.size();
  flight.segment->used += octets.size();
}

uint64_t GroupCommit::block_end(uint64_t offset) const noexcept {
  return core::align_up(offset, block_bytes_);
}

// --- what follows the last chunk -----------------------------------------------------------------

// The most that follows the last chunk of a segment in which so many mails end: marks of the write
// that it is in, of writes with index records, of one without, and of the seal.
uint64_t GroupCommit::footer_bytes(uint64_t mails) const noexcept {
  const uint64_t mark_bytes = record_bytes(kMarkBodyBytes) + block_bytes_;
  return index_bytes(mails) + (kIndexRecordsMax + 3) * mark_bytes + kSealRecordBytes;
}

// Index records, as long as the write has room. returns   whether the seal may come next
bool GroupCommit::place_index(Flight& flight) noexcept {
  static_assert(index_bytes(core::kIndexRecordEntries) + kLongTailBytesMax <= core::kWriteBytesMax);
  Segment& segment = *flight.segment;
  while (flight.file_bytes + index_.next_bytes() + kLongTailBytesMax <= core::kWriteBytesMax) {
    if (index_.next_bytes() == 0) return true;
    for (const iovec& piece : index_.next_record(segment.key, segment.sequence, segment.used)) {
      add_piece(flight, {static_cast<const std::byte*>(piece.iov_base), piece.iov_len});
    }
    ++segment.sequence;
  }
  return false;
}

// A mark from where the write is up to `end`.
void GroupCommit::add_mark(Flight& flight, uint64_t end) noexcept {
  Segment& segment = *flight.segment;
  const auto bytes = size_t(end - segment.used);
  const size_t body_bytes = bytes - core::kRecordHeaderBytes;
  std::byte* const at = bytes <= flight.tail.size() ? flight.tail.data() : fill_.data();
  MAILRACE_CHECK(bytes <= fill_.size());
  std::byte* const body = at + core::kRecordHeaderBytes;
  std::memset(body, 0, body_bytes);
  encode_mark(body, {segment.landed});
  encode_record({at, core::kRecordHeaderBytes}, RecordType::mark, 0, {body, body_bytes});
  place_record(at, segment.key, segment.sequence++);
  add_piece(flight, {at, bytes});
}

// Where little would be left behind the seal, the mark before it takes that up: so a seal ends with
// its file, whether that is cut or not, and is found without reading the records.
void GroupCommit::add_long_mark(Flight& flight) noexcept {
  const Segment& segment = *flight.segment;
  const uint64_t seal_bytes = block_end(record_bytes(kMarkBodyBytes) + kSealRecordBytes);
  const uint64_t seal_at = segment.capacity - segment.capacity % block_bytes_ - seal_bytes;
  const uint64_t end = block_end(segment.used + record_bytes(kMarkBodyBytes));
  MAILRACE_CHECK(end <= seal_at);
  add_mark(flight, seal_at - end <= core::kSealedRestBytesMax ? seal_at : end);
}

// A mark and the seal behind it, in whole blocks.
void GroupCommit::add_seal(Flight& flight) noexcept {
  Segment& segment = *flight.segment;
  const uint64_t end = block_end(segment.used + record_bytes(kMarkBodyBytes) + kSealRecordBytes);
  add_mark(flight, end - kSealRecordBytes);
  std::byte* const at = flight.tail.data() + flight.file_bytes;
  std::byte* const body = at + core::kRecordHeaderBytes;
  encode_seal(body, index_.seal(segment.sequence, flight.file_offset));
  encode_record({at, core::kRecordHeaderBytes}, RecordType::seal, 0, {body, kSealBodyBytes});
  place_record(at, segment.key, segment.sequence++);
  add_piece(flight, {at, kSealRecordBytes});
  segment.cut_at = segment.used;
  segment.state = Segment::State::sealed;
  current_ = nullptr;
}

}  // namespace mailrace::spool
