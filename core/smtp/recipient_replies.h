// SPDX-License-Identifier: GPL-3.0-or-later
// What each recipient of a mail is answered behind its data, where a client asked for that (PRDR).
#pragma once

#include "core/base/block_pool.h"
#include "core/base/limits.h"
#include "core/smtp/replies.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace mailrace::core {

/// A reply for each recipient, in blocks of a pool; none is held while it is closed.
/// source: draft-hall-prdr-00 section 4.5
class RecipientReplies {
 public:
  RecipientReplies() = default;
  RecipientReplies(RecipientReplies&& other) noexcept { take(other); }
  RecipientReplies& operator=(RecipientReplies&& other) noexcept {
    if (this == &other) return *this;
    close();
    take(other);
    return *this;
  }
  RecipientReplies(const RecipientReplies&) = delete;
  RecipientReplies& operator=(const RecipientReplies&) = delete;
  ~RecipientReplies() { close(); }

  /// Takes the blocks for that many recipients.
  ///
  /// pool      must outlive this; of blocks of kSessionBlockBytes or more
  /// count     <= kRecipientsMax
  /// returns   false if there are not enough left; then none is taken
  bool open(BlockPool& pool, uint32_t count) noexcept;
  bool is_open() const noexcept { return pool_ != nullptr; }

  /// Sets the reply to the recipient of that index, from 0. Requires: open for more than `index`.
  void set(uint32_t index, ReplyId reply) noexcept;
  /// Requires: it was set.
  ReplyId at(uint32_t index) const noexcept;

 private:
  static constexpr size_t kPerBlock = kSessionBlockBytes / sizeof(ReplyId);
  static constexpr size_t kBlocksMax = (kRecipientsMax + kPerBlock - 1) / kPerBlock;

  // Most transactions have none, and are ended and begun anew all the same.
  void close() noexcept {
    if (is_open()) give_back();
  }
  void take(RecipientReplies& other) noexcept {
    if (!other.is_open()) return;
    pool_ = std::exchange(other.pool_, nullptr);
    blocks_ = std::exchange(other.blocks_, {});
  }
  void give_back() noexcept;

  BlockPool* pool_ = nullptr;
  std::array<ReplyId*, kBlocksMax> blocks_{};
};

}  // namespace mailrace::core
