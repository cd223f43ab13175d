// SPDX-License-Identifier: GPL-3.0-or-later
// An octet for each recipient, a few thousand in a block.
#include "core/smtp/recipient_replies.h"

#include "core/base/check.h"

namespace mailrace::core {

bool RecipientReplies::open(BlockPool& pool, uint32_t count) noexcept {
  MAILRACE_CHECK(count <= kRecipientsMax);
  MAILRACE_CHECK(pool.block_bytes() >= kSessionBlockBytes);
  close();
  pool_ = &pool;
  for (size_t i = 0; i * kPerBlock < count; ++i) {
    blocks_[i] = reinterpret_cast<ReplyId*>(pool.take());
    if (blocks_[i] != nullptr) continue;
    close();
    return false;
  }
  return true;
}

void RecipientReplies::give_back() noexcept {
  for (ReplyId*& block : blocks_) {
    if (block != nullptr) pool_->give(reinterpret_cast<std::byte*>(block));
    block = nullptr;
  }
  pool_ = nullptr;
}

void RecipientReplies::set(uint32_t index, ReplyId reply) noexcept {
  MAILRACE_CHECK(blocks_[index / kPerBlock] != nullptr);
  blocks_[index / kPerBlock][index % kPerBlock] = reply;
}

ReplyId RecipientReplies::at(uint32_t index) const noexcept {
  MAILRACE_CHECK(blocks_[index / kPerBlock] != nullptr);
  return blocks_[index / kPerBlock][index % kPerBlock];
}

}  // namespace mailrace::core
