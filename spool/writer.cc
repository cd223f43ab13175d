// SPDX-License-Identifier: GPL-3.0-or-later
// A small mail is one chunk: envelope, data and end record side by side, one piece of one write.
#include "spool/writer.h"

#include "core/base/check.h"
#include "core/smtp/recipient_list.h"
#include "spool/envelope.h"

#include <algorithm>
#include <utility>

namespace mailrace::spool {

using core::MailHandle;
using core::MailOutcome;

namespace {

// Waiting mails are told in flush(), lost ones too, so that no report comes from within a call.
MailOutcome outcome_of(const core::Error& error) noexcept {
  return error.code == core::Errc::no_space ? MailOutcome::no_space : MailOutcome::failed;
}

core::Error error_of(MailOutcome outcome) noexcept {
  return {outcome == MailOutcome::no_space ? core::Errc::no_space : core::Errc::io, 0,
          "spool.append"};
}

}  // namespace

// The head of the first segment says so as well: the next power cut may come before the first mail.
SpoolOptions Writer::behind_lost_ids(SpoolOptions options) {
  options.last_mail_id += core::kMailIdGapUs << 10;
  return options;
}

Writer::Writer(core::FileIo& files, const SpoolOptions& options, const core::MailSinkEvents& events)
    : chunk_count_(core::spool_chunks(options.memory_bytes)),
      chunks_(chunk_count_),
      log_(files, chunks_, behind_lost_ids(options),
           {this, &on_moved, &on_lost, &on_gap, &is_lost}),
      events_(events),
      worker_(options.worker),
      sync_(options.sync),
      last_mail_id_(behind_lost_ids(options).last_mail_id),
      mails_(core::open_mails_max(chunk_count_)) {
  MAILRACE_CHECK(options.worker < core::kWorkersMax);
  // With all chunks out a write must be due, see spool/README.md, "Memory".
  MAILRACE_CHECK(options.commit_bytes / core::kChunkBytes < chunk_count_ / 4);
  for (uint32_t slot = 0; slot < mails_.size(); ++slot) {
    mails_[slot].next = slot + 1 < mails_.size() ? slot + 1 : kNone;
  }
}

core::Result<void> Writer::ready() const {
  if (const auto can = can_begin(); !can) return can;
  if (memory_low_) return core::fail(core::Errc::busy, "spool.memory");
  return {};
}

core::Result<void> Writer::can_begin() const noexcept {
  if (const auto error = log_.unwritable()) return tl::unexpected<core::Error>(*error);
  if (log_.closing()) return core::fail(core::Errc::busy, "spool.closing");
  if (free_ == kNone) return core::fail(core::Errc::busy, "spool.open_mails");
  return {};
}

core::SinkLoad Writer::load(core::Instant now) const {
  const size_t used = chunk_count_ - chunks_.free_count();
  const auto waiting = [now](const Line& line) {
    return line.first == kNone ? core::Duration{} : now - line.progress_at;
  };
  return {.memory_used = uint32_t(used * 1000 / chunk_count_),
          .waiting = std::max(waiting(for_disk_), waiting(for_page_cache_)),
          .reusable_bytes = chunks_.reusable_bytes()};
}

void Writer::note_progress(Line& line, core::Instant now) noexcept {
  if (std::exchange(line.progress, false)) line.progress_at = now;
}

// Microseconds and the worker's number: sorts by time, unique without asking anybody. If the clock
// stands or goes back, the number counts on by itself.
uint64_t Writer::next_mail_id(core::WallTime wall) noexcept {
  static_assert(core::kWorkersMax == 1024);
  const uint64_t by_clock = uint64_t(std::max<int64_t>(wall.ns, 0) / 1000) << 10 | worker_;
  const uint64_t by_count = ((last_mail_id_ >> 10) + 1) << 10 | worker_;
  last_mail_id_ = std::max(by_clock, by_count);
  return last_mail_id_;
}

core::Result<MailHandle> Writer::begin(const core::Envelope& envelope, core::MailOwner owner) {
  if (const auto can = can_begin(); !can) return tl::unexpected<core::Error>(can.error());
  MAILRACE_CHECK(envelope.durability == Durability::page_cache || sync_ != SyncPolicy::never);
  const uint32_t slot = free_;
  Mail& mail = mails_[slot];
  free_ = mail.next;
  ++open_count_;
  wall_ = envelope.received_at;
  mail = Mail{.state = State::open,
              .generation = mail.generation + 1,
              .owner = owner,
              .mail_id = next_mail_id(envelope.received_at),
              .recipients = uint16_t(envelope.recipients->count()),
              .durability = envelope.durability};
  if (!write_envelope(mail, slot, envelope)) {
    release(slot);
    return core::fail(core::Errc::busy, "spool.memory");
  }
  return MailHandle{slot, mail.generation, mail.mail_id};
}

// Leaves a chunk with an open data record and room for the trace field.
bool Writer::write_envelope(Mail& mail, uint32_t slot, const core::Envelope& envelope) noexcept {
  mail.chunk = take_chunk(mail, slot);
  if (mail.chunk == nullptr) return false;
  mail.chunk->open_record();
  mail.chunk->bytes +=
      uint32_t(encode_envelope_head({mail.chunk->tail(), kEnvelopeHeadBytesMax}, envelope));
  bool complete = true;
  envelope.recipients->for_each([&](const core::Recipient& recipient) {
    if (mail.chunk->room() < recipient_bytes(recipient)) {
      mail.chunk->close_record(RecordType::envelope);
      push_chunk(mail);
      mail.chunk = take_chunk(mail, slot);
      if (mail.chunk == nullptr) return complete = false;
      mail.chunk->open_record();
    }
    mail.chunk->bytes += uint32_t(encode_recipient(mail.chunk->tail(), recipient));
    return true;
  });
  if (!complete) return false;
  mail.chunk->close_record(RecordType::envelope);
  if (mail.chunk->room() < core::kRecordHeaderBytes + core::kReceivedFieldBytesMax) {
    push_chunk(mail);
    mail.chunk = take_chunk(mail, slot);
    if (mail.chunk == nullptr) return false;
  }
  mail.chunk->open_record();
  return true;
}

Chunk* Writer::take_chunk(const Mail& mail, uint32_t slot) noexcept {
  Chunk* const chunk = chunks_.take();
  if (chunk != nullptr) describe(*chunk, mail, slot);
  return chunk;
}

void Writer::describe(Chunk& chunk, const Mail& mail, uint32_t slot) const noexcept {
  chunk.mail_slot = slot;
  chunk.mail_id = mail.mail_id;
  chunk.durability = mail.durability;
}

// Hands a chunk of closed records to the log.
void Writer::push_chunk(Mail& mail) noexcept {
  mail.chunk->begins_mail = mail.end_offset == 0;
  mail.end_offset = log_.append(*std::exchange(mail.chunk, nullptr));
}

Writer::Mail* Writer::find(const MailHandle& handle) noexcept {
  MAILRACE_CHECK(handle.slot < mails_.size());
  Mail& mail = mails_[handle.slot];
  const bool ours = mail.state != State::free && mail.generation == handle.generation;
  return ours ? &mail : nullptr;
}

bool Writer::open_chunk(Mail& mail, uint32_t slot) noexcept {
  if (mail.chunk != nullptr) return true;
  mail.chunk = take_chunk(mail, slot);
  if (mail.chunk == nullptr) return false;
  mail.chunk->open_record();
  return true;
}

// Large mail, from where it was received to where it is written from. The chunk before it goes
// first, and another one has to be there, for commit() must not want for memory.
bool Writer::append_apart(Mail& mail, uint32_t slot, core::Octets octets) noexcept {
  if (!log_.puts_together() || !open_chunk(mail, slot)) return false;
  if (!mail.chunk->is_empty()) {
    Chunk* const next = take_chunk(mail, slot);
    if (next == nullptr) return false;
    if (mail.chunk->close_record(RecordType::data)) ++mail.data_records;
    push_chunk(mail);
    mail.chunk = next;
    mail.chunk->open_record();
  }
  Chunk* const record = chunks_.take_bare();
  if (record == nullptr) return false;
  describe(*record, mail, slot);
  record->begins_mail = mail.end_offset == 0;
  const auto end = log_.append_apart(*record, RecordType::data, octets);
  if (!end) {
    chunks_.give(*record);
    return false;
  }
  mail.end_offset = *end;
  ++mail.data_records;
  return true;
}

core::Result<size_t> Writer::append(const MailHandle& handle, core::Octets octets) {
  Mail* const mail = find(handle);
  MAILRACE_CHECK(mail != nullptr);
  if (mail->state == State::lost) return tl::unexpected<core::Error>(error_of(mail->outcome));
  MAILRACE_CHECK(mail->state == State::open);
  size_t taken = 0;
  if (octets.size() >= core::kRecordApartBytesMin && append_apart(*mail, handle.slot, octets)) {
    taken = octets.size();
  }
  while (taken < octets.size()) {
    if (mail->chunk != nullptr && mail->chunk->room() == 0) {
      if (mail->chunk->close_record(RecordType::data)) ++mail->data_records;
      push_chunk(*mail);
    }
    if (!open_chunk(*mail, handle.slot)) {
      wants_room_ = true;
      break;
    }
    const size_t piece = std::min(octets.size() - taken, mail->chunk->room());
    std::memcpy(mail->chunk->tail(), octets.data() + taken, piece);
    mail->chunk->bytes += uint32_t(piece);
    taken += piece;
  }
  mail->data_bytes += taken;
  log_.send_ahead();
  return taken;
}

void Writer::commit(const MailHandle& handle) {
  Mail* const mail = find(handle);
  MAILRACE_CHECK(mail != nullptr);
  if (mail->state == State::open) {
    // All octets were taken, so there is a chunk, and a chunk always has room for an end record.
    MAILRACE_CHECK(mail->chunk != nullptr);
    Chunk& chunk = *mail->chunk;
    if (chunk.close_record(RecordType::data)) ++mail->data_records;
    chunk.open_record();
    encode_end(chunk.tail(), {mail->data_bytes, wall_.ns, mail->data_records,
                              uint8_t(mail->durability), mail->recipients});
    chunk.bytes += uint32_t{kEndBodyBytes};
    chunk.close_record(RecordType::end);
    chunk.ends_mail = true;
    chunk.mail_data_bytes = mail->data_bytes;
    mail->state = State::committing;
    push_chunk(*mail);  // may find that it is lost
    log_.send_ahead();
  } else {
    MAILRACE_CHECK(mail->state == State::lost);
    MAILRACE_CHECK(!mail->in_line);
  }
  wait_in_line(handle.slot);
}

void Writer::wait_in_line(uint32_t slot) noexcept {
  mails_[slot].next = kNone;
  mails_[slot].in_line = true;
  Line& line = mails_[slot].durability == Durability::disk ? for_disk_ : for_page_cache_;
  if (line.first == kNone) line.progress = true;
  (line.first == kNone ? line.first : mails_[line.last].next) = slot;
  line.last = slot;
}

void Writer::abort(const MailHandle& handle) {
  Mail* const mail = find(handle);
  if (mail == nullptr) return;
  // One that waits keeps its place in the line; there is only nobody left to tell.
  if (mail->in_line) {
    mail->forgotten = true;
    return;
  }
  if (mail->chunk != nullptr) chunks_.give(*std::exchange(mail->chunk, nullptr));
  release(handle.slot);
}

void Writer::release(uint32_t slot) noexcept {
  Mail& mail = mails_[slot];
  MAILRACE_CHECK(mail.chunk == nullptr);
  mail.state = State::free;
  mail.next = free_;
  free_ = slot;
  --open_count_;
}

void Writer::on_moved(void* self) { static_cast<Writer*>(self)->report_ended(); }

void Writer::report_ended() noexcept {
  report_ended(for_disk_, log_.durable());
  report_ended(for_page_cache_, log_.landed());
}

// Tells those at the head of the line whose fate is known. The line is in the order of the log, so
// the first that must wait ends the walk.
void Writer::report_ended(Line& line, uint64_t offset) noexcept {
  while (line.first != kNone) {
    const uint32_t slot = line.first;
    Mail& mail = mails_[slot];
    const bool lost = mail.state == State::lost;
    if (!lost && mail.end_offset > offset) break;
    line.first = mail.next;
    const core::MailOwner owner = mail.owner;
    const bool forgotten = mail.forgotten;
    const MailOutcome outcome = lost ? mail.outcome : MailOutcome::durable;
    release(slot);
    line.progress = true;
    if (!forgotten) events_.committed(events_.context, owner, outcome);
  }
}

void Writer::on_lost(void* self, const Chunk& chunk, const core::Error& error) {
  Writer& writer = *static_cast<Writer*>(self);
  Mail& mail = writer.mails_[chunk.mail_slot];
  const bool ours = mail.state != State::free && mail.mail_id == chunk.mail_id;
  if (ours && mail.state != State::lost) writer.lose(mail, error);
}

void Writer::on_gap(void* self, const core::Error& error) {
  Writer& writer = *static_cast<Writer*>(self);
  for (Mail& mail : writer.mails_) {
    const bool undecided = mail.state == State::open || mail.state == State::committing;
    if (undecided && mail.end_offset > 0) writer.lose(mail, error);
  }
}

void Writer::lose(Mail& mail, const core::Error& error) noexcept {
  mail.state = State::lost;
  mail.outcome = outcome_of(error);
  if (mail.chunk != nullptr) chunks_.give(*std::exchange(mail.chunk, nullptr));
}

bool Writer::is_lost(void* self, const Chunk& chunk) {
  const Mail& mail = static_cast<Writer*>(self)->mails_[chunk.mail_slot];
  // A mail that is gone was aborted: its records would only be dead weight.
  return mail.state == State::free || mail.state == State::lost || mail.mail_id != chunk.mail_id;
}

// Two marks, so that those who are held back get the room first, and nobody sees a yes and a no in
// turn.
void Writer::watch_memory() noexcept {
  const size_t enough =
      memory_low_ ? core::chunks_back(chunk_count_) : core::chunks_low(chunk_count_);
  memory_low_ = chunks_.free_count() < enough;
}

std::optional<core::Instant> Writer::flush(core::Instant now, core::WallTime wall) {
  wall_ = wall;
  report_ended();
  note_progress(for_disk_, now);
  note_progress(for_page_cache_, now);
  if (wants_room_ && chunks_.free_count() > 0) {
    wants_room_ = false;
    events_.has_room(events_.context);
  }
  const auto next = log_.flush(now, wall);
  watch_memory();  // after those who waited for room took it
  return next;
}

}  // namespace mailrace::spool
