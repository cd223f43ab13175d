// SPDX-License-Identifier: GPL-3.0-or-later
// A Writer that one other thread may look at: which mails may still grow, so that it can tell when
// a segment is needed no more; and may give such a segment to, to be used again.
#pragma once

#include "core/base/limits.h"
#include "core/port/mail_sink.h"
#include "spool/writer.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace mailrace::spool {

/// What a writer and its observer tell each other: words that one of them stores and the other one
/// loads. Neither ever waits. Written for each mail, so no two writers' are in one cache line.
class alignas(64) WriterWatch {
 public:
  static constexpr uint64_t kNoMail = UINT64_MAX;

  // Of the observer, any thread but one at a time.

  /// The greatest mail id given out. Every mail with a record on the disk has at most this one.
  uint64_t last_begun() const noexcept { return last_begun_.load(std::memory_order_acquire); }
  /// The least id of a mail that may still get records; kNoMail: none. Ids grow, so a mail whose id
  /// lies below it has got its end record, or will never get one.
  uint64_t oldest_open() const noexcept { return oldest_open_.load(std::memory_order_acquire); }
  /// Gives NUMBER.free to be used again, also one that was given before: it may be forgotten.
  /// returns   false if kFreeSegmentsMax wait already
  bool offer(uint64_t number) noexcept;

  /// Whether no further mail is to be begun, for want of space on the disk.
  bool is_scarce() const noexcept { return is_scarce_.load(std::memory_order_relaxed); }
  void set_scarce(bool is_scarce) noexcept {
    is_scarce_.store(is_scarce, std::memory_order_relaxed);
  }

  /// How often the writer found that its directory is gone, or is another one.
  uint64_t losses() const noexcept { return losses_.load(std::memory_order_acquire); }
  /// The directory may be another server's: the writer is to take it for lost. It does so before
  /// it starts its next write.
  void revoke() noexcept { revoked_.store(true, std::memory_order_release); }
  /// Whether it waits for restore().
  bool is_lost() const noexcept { return losses() != restored_.load(std::memory_order_relaxed); }
  /// The directory is there. loss   losses() when the observer began to look
  /// first   number that no file in the directory has, nor had
  void restore(uint64_t loss, uint64_t first) noexcept {
    first_segment_.store(first, std::memory_order_relaxed);
    restored_.store(loss, std::memory_order_release);
  }

 private:
  friend class ObservedWriter;

  std::atomic<uint64_t> last_begun_{0};
  std::atomic<uint64_t> oldest_open_{kNoMail};
  std::array<std::atomic<uint64_t>, core::kFreeSegmentsMax> offers_{};  // 0: none
  std::atomic<bool> is_scarce_{false};
  std::atomic<bool> revoked_{false};
  std::atomic<uint64_t> losses_{0};
  std::atomic<uint64_t> restored_{0};
  std::atomic<uint64_t> first_segment_{0};
};

/// Passes all on to a Writer, and keeps its open mails in the order of their ids.
class ObservedWriter final : public core::MailSink {
 public:
  /// files, options, events   as for a Writer
  /// watch                    outlives this
  ObservedWriter(core::FileIo& files, const SpoolOptions& options,
                 const core::MailSinkEvents& events, WriterWatch& watch);

  core::Result<void> ready() const override;
  core::SinkLoad load(core::Instant now) const override { return writer_.load(now); }
  core::Result<core::MailHandle> begin(const core::Envelope& envelope,
                                       core::MailOwner owner) override;
  core::Result<size_t> append(const core::MailHandle& mail, core::Octets octets) override {
    return writer_.append(mail, octets);
  }
  void commit(const core::MailHandle& mail) override { writer_.commit(mail); }
  void abort(const core::MailHandle& mail) override;
  std::optional<core::Instant> flush(core::Instant now, core::WallTime wall) override;
  void close() override { writer_.close(); }
  bool closed() const override { return writer_.closed(); }

  Writer& writer() noexcept { return writer_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Mail {
    core::MailHandle handle;  // generation 0: free
    core::MailOwner owner;
    uint32_t older = kNone;
    uint32_t newer = kNone;  // or the next free one
  };

  static void on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome);
  static void on_has_room(void* self);
  static SpoolOptions revocable(SpoolOptions options, const WriterWatch& watch);
  core::MailSinkEvents wrapped() noexcept { return {this, &on_committed, &on_has_room}; }
  void remove(uint32_t index) noexcept;
  void tell_oldest() noexcept;
  void take_offers() noexcept;

  core::MailSinkEvents events_;
  WriterWatch& watch_;
  Writer writer_;
  std::vector<Mail> mails_;
  std::vector<uint32_t> by_slot_;  // of the writer's handle
  uint32_t free_ = 0;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
};

}  // namespace mailrace::spool
