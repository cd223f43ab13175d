// SPDX-License-Identifier: GPL-3.0-or-later
// What a completion is about: packed into sqe.user_data.
#pragma once

#include <cstdint>

namespace mailrace::net {

/// Each operation that a worker has under way. A new one extends the switch in worker.cc.
enum class Op : uint8_t {
  ignore,     // nobody waits: closes, cancels
  accept,     // slot: index of the listener
  peer_name,  // slot: connection
  receive,    // slot: connection
  send,       // slot: connection
  shutdown,   // slot: connection
  timer,      // the wheel's tick
  flush,      // the sink wants to be called
  mailbox,    // a message from outside the worker
  file,       // slot: operation of the RingFile
};

/// sqe.user_data, 64 bits: [ op 8 | generation 24 | slot 32 ].
struct Token {
  Op op = Op::ignore;
  uint32_t generation = 0;  // < 2^24; grows when the slot gets a new tenant
  uint32_t slot = 0;

  constexpr uint64_t pack() const noexcept {
    return uint64_t(op) << 56 | uint64_t(generation) << 32 | slot;
  }
  static constexpr Token unpack(uint64_t word) noexcept {
    return {Op(word >> 56), uint32_t(word >> 32) & kGenerationMask, uint32_t(word)};
  }

  static constexpr uint32_t kGenerationMask = 0xff'ffff;
};

}  // namespace mailrace::net
