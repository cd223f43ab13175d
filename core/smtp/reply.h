// SPDX-License-Identifier: GPL-3.0-or-later
// Replies on their way out: lines in a block that is only held while there are any.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "core/smtp/replies.h"
#include "core/smtp/reply_counts.h"

#include <cstddef>
#include <string_view>

namespace mailrace::core {

/// Reply lines in the order in which they are sent. What was sent is taken off by consume(); octets
/// never move while a send may read them.
class ReplyBuffer {
 public:
  /// blocks   of at least kReplyBufferBytes octets, one for each buffer; outlives this
  /// counts   of all buffers of a thread; outlives this; nullptr: nobody counts
  explicit ReplyBuffer(BlockPool& blocks, ReplyCounts* counts = nullptr) noexcept
      : blocks_(blocks), counts_(counts) {}
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;
  ~ReplyBuffer() { consume(end_ - begin_); }

  /// Whether any reply fits. A session stops taking input while it does not.
  bool has_room() const noexcept { return end_ + kReplyBytesMax <= kReplyBufferBytes; }

  /// Appends one reply line. Requires: has_room().
  ///
  /// argument   stands for '%' in the row's text; printable ASCII without line ends, cut if the
  ///            line would exceed kReplyLineBytesMax
  void add(ReplyId id, std::string_view argument = {}) noexcept;

  /// Appends a reply that was put together before, line ends included. id   as which it counts
  void add_lines(ReplyId id, std::string_view lines) noexcept;

  bool empty() const noexcept { return begin_ == end_; }
  /// What is to be sent; valid until the next add() or consume().
  Octets pending() const noexcept { return as_octets({memory_ + begin_, end_ - begin_}); }
  /// Takes the first `size` octets of pending() off.
  void consume(size_t size) noexcept;

 private:
  char* make_room(ReplyId id) noexcept;

  BlockPool& blocks_;
  ReplyCounts* counts_;
  char* memory_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace mailrace::core
