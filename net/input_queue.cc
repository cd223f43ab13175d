// SPDX-License-Identifier: GPL-3.0-or-later
// The list of a connection's buffers runs through the table by buffer id.
#include "net/input_queue.h"

#include "core/base/check.h"

namespace mailrace::net {

void InputQueue::push(uint16_t buffer, uint32_t size) {
  HeldBuffers::Entry& entry = held_.entries[buffer];
  MAILRACE_CHECK(entry.owner == UINT32_MAX);
  entry = {owner_, 0, size, HeldBuffers::kNone};
  (first_ == HeldBuffers::kNone ? first_ : held_.entries[last_].next) = buffer;
  last_ = buffer;
  ++count_;
}

core::Octets InputQueue::front() const noexcept {
  if (!stash_.empty()) return core::Octets(stash_).subspan(stash_begin_);
  MAILRACE_CHECK(first_ != HeldBuffers::kNone);
  const HeldBuffers::Entry& entry = held_.entries[first_];
  return held_.buffers.octets(first_, entry.end).subspan(entry.begin);
}

void InputQueue::consume(size_t size) noexcept {
  MAILRACE_CHECK(size <= front().size());
  if (!stash_.empty()) {
    stash_begin_ += size;
    if (stash_begin_ == stash_.size()) drop_stash();
    return;
  }
  HeldBuffers::Entry& entry = held_.entries[first_];
  entry.begin += uint32_t(size);
  if (entry.begin == entry.end) pop();
}

void InputQueue::pop() noexcept {
  const uint16_t buffer = first_;
  first_ = held_.entries[buffer].next;
  held_.entries[buffer].owner = UINT32_MAX;
  held_.buffers.give_back(buffer);
  --count_;
}

bool InputQueue::stash() {
  size_t bytes = 0;
  for (uint16_t at = first_; at != HeldBuffers::kNone; at = held_.entries[at].next) {
    bytes += held_.entries[at].end - held_.entries[at].begin;
  }
  if (stash_.size() + bytes > core::kStashBytesMax) return false;
  if (held_.stashed_bytes + bytes > core::kStashBytesPerWorkerMax) return false;
  while (first_ != HeldBuffers::kNone) stash_first();
  return true;
}

void InputQueue::stash_some() {
  while (first_ != HeldBuffers::kNone &&
         held_.stashed_bytes + first_bytes() <= core::kStashBytesPerWorkerMax) {
    stash_first();
  }
}

size_t InputQueue::first_bytes() const noexcept {
  return held_.entries[first_].end - held_.entries[first_].begin;
}

void InputQueue::stash_first() {
  const HeldBuffers::Entry& entry = held_.entries[first_];
  const core::Octets octets = held_.buffers.octets(first_, entry.end).subspan(entry.begin);
  stash_.insert(stash_.end(), octets.begin(), octets.end());
  held_.stashed_bytes += octets.size();
  pop();
}

void InputQueue::drop_stash() noexcept {
  held_.stashed_bytes -= stash_.size();
  core::release(stash_);
  stash_begin_ = 0;
}

void InputQueue::clear() noexcept {
  drop_stash();
  while (first_ != HeldBuffers::kNone) pop();
}

}  // namespace mailrace::net
