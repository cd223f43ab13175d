// SPDX-License-Identifier: GPL-3.0-or-later
// The greatest id is told in begin(), and octets of the mail go to the disk in a later call of the
// same thread: whoever has seen a record on the disk sees the id of its mail, too.
#include "spool/observed_writer.h"

#include "core/base/check.h"

#include <algorithm>
#include <cerrno>

namespace mailrace::spool {

bool WriterWatch::offer(uint64_t number) noexcept {
  const auto is_it = [number](const auto& place) { return place == number; };
  if (std::ranges::any_of(offers_, is_it)) return true;
  for (std::atomic<uint64_t>& place : offers_) {
    if (place.load(std::memory_order_acquire) != 0) continue;
    place.store(number, std::memory_order_release);
    return true;
  }
  return false;
}

ObservedWriter::ObservedWriter(core::FileIo& files, const SpoolOptions& options,
                               const core::MailSinkEvents& events, WriterWatch& watch)
    : events_(events),
      watch_(watch),
      writer_(files, revocable(options, watch), wrapped()),
      mails_(core::kOpenMailsMax),
      by_slot_(core::kOpenMailsMax, kNone) {
  for (uint32_t i = 0; i < mails_.size(); ++i) {
    mails_[i].newer = i + 1 < mails_.size() ? i + 1 : kNone;
  }
  watch_.last_begun_.store(options.last_mail_id, std::memory_order_release);
}

SpoolOptions ObservedWriter::revocable(SpoolOptions options, const WriterWatch& watch) {
  options.revoked = &watch.revoked_;
  return options;
}

// What has begun goes on: only who asks before a mail begins is told.
core::Result<void> ObservedWriter::ready() const {
  if (watch_.is_scarce()) {
    return core::fail(core::Errc::no_space, "spool.free_space");
  }
  return writer_.ready();
}

core::Result<core::MailHandle> ObservedWriter::begin(const core::Envelope& envelope,
                                                     core::MailOwner owner) {
  const uint32_t index = free_;
  if (index == kNone) return core::fail(core::Errc::busy, "spool.mails");
  // The writer reports to us under the number of our entry.
  const auto handle = writer_.begin(envelope, {index, 0});
  if (!handle) return handle;
  MAILRACE_CHECK(handle->slot < by_slot_.size());
  by_slot_[handle->slot] = index;
  free_ = mails_[index].newer;
  mails_[index] = {*handle, owner, newest_, kNone};
  (newest_ == kNone ? oldest_ : mails_[newest_].newer) = index;
  newest_ = index;
  watch_.last_begun_.store(handle->mail_id, std::memory_order_release);
  if (oldest_ == index) tell_oldest();
  return handle;
}

void ObservedWriter::abort(const core::MailHandle& handle) {
  writer_.abort(handle);
  // After a commit() the end record may still be written, but nobody was promised anything.
  const uint32_t index = by_slot_[handle.slot];
  const bool ours = index != kNone && mails_[index].handle.generation == handle.generation;
  if (ours) remove(index);
}

void ObservedWriter::remove(uint32_t index) noexcept {
  Mail& mail = mails_[index];
  by_slot_[mail.handle.slot] = kNone;
  const bool was_oldest = oldest_ == index;
  (mail.older == kNone ? oldest_ : mails_[mail.older].newer) = mail.newer;
  (mail.newer == kNone ? newest_ : mails_[mail.newer].older) = mail.older;
  mail = {{}, {}, kNone, free_};
  free_ = index;
  if (was_oldest) tell_oldest();
}

void ObservedWriter::tell_oldest() noexcept {
  watch_.oldest_open_.store(
      oldest_ == kNone ? WriterWatch::kNoMail : mails_[oldest_].handle.mail_id,
      std::memory_order_release);
}

void ObservedWriter::on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome) {
  ObservedWriter& observed = *static_cast<ObservedWriter*>(self);
  MAILRACE_CHECK(owner.slot < observed.mails_.size());
  const core::MailOwner real = observed.mails_[owner.slot].owner;
  observed.remove(owner.slot);
  observed.events_.committed(observed.events_.context, real, outcome);
}

void ObservedWriter::on_has_room(void* self) {
  const core::MailSinkEvents& events = static_cast<ObservedWriter*>(self)->events_;
  events.has_room(events.context);
}

void ObservedWriter::take_offers() noexcept {
  for (std::atomic<uint64_t>& offer : watch_.offers_) {
    const uint64_t number = offer.load(std::memory_order_acquire);
    if (number == 0) continue;
    writer_.recycle(number);
    offer.store(0, std::memory_order_release);
  }
}

std::optional<core::Instant> ObservedWriter::flush(core::Instant now, core::WallTime wall) {
  take_offers();
  if (watch_.revoked_.load(std::memory_order_relaxed)) {
    watch_.revoked_.store(false, std::memory_order_relaxed);
    writer_.lose({core::Errc::io, ESTALE, "spool.lock"});
  }
  const uint64_t restored = watch_.restored_.load(std::memory_order_acquire);
  writer_.restore(restored, watch_.first_segment_.load(std::memory_order_relaxed));
  const auto next = writer_.flush(now, wall);
  watch_.losses_.store(writer_.log().losses(), std::memory_order_release);
  return next;
}

}  // namespace mailrace::spool
