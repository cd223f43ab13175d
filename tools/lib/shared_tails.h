// SPDX-License-Identifier: GPL-3.0-or-later
// Where a running server shares what it wrote last, and how others come to it.
#pragma once

#include "net/fd.h"
#include "spool/shared_tail.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mailrace::tools {

/// The socket in a spool that a running server listens on. Whoever connects, with the server's user
/// id or as root, gets one message with the descriptor of the memory: SharedTail after SharedTail,
/// by worker. It is good for as long as the connection is.
inline constexpr const char* kTailSocketName = "tail.socket";

struct TailGreeting {
  static constexpr uint64_t kMagic = 0x324c494154524c4d;  // "MLRTAIL2"
  uint64_t magic = kMagic;
  uint32_t workers = 0;
  uint32_t first_worker = 0;  // the number of the first; the others follow
};

/// Memory mapped from a descriptor. Moves, never copies.
class SharedMapping {
 public:
  SharedMapping() = default;
  /// Maps all of `bytes`; is_mapped() says whether that worked.
  SharedMapping(int fd, size_t bytes, bool writable) noexcept;
  SharedMapping(SharedMapping&& other) noexcept;
  SharedMapping& operator=(SharedMapping&& other) noexcept;
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;
  ~SharedMapping() { unmap(); }

  bool is_mapped() const noexcept { return memory_ != nullptr; }
  size_t count() const noexcept { return bytes_ / sizeof(spool::SharedTail); }
  /// Requires: worker < count().
  spool::SharedTail& tail(uint32_t worker) const noexcept {
    return static_cast<spool::SharedTail*>(memory_)[worker];
  }

 private:
  void unmap() noexcept;

  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

/// The tails of the server that runs on a spool, if one does.
class SharedTails {
 public:
  explicit SharedTails(std::string spool) : spool_(std::move(spool)) {}

  /// Connects, unless that is done. Never waits for long.
  void connect();

  /// Whether the server that was connected to is still there; if not, no tail is.
  bool is_alive();

  /// returns  nothing: there is none
  std::optional<spool::TailReader> of(uint32_t worker) const;

 private:
  std::string spool_;
  net::Fd socket_;
  SharedMapping mapping_;
  uint32_t first_worker_ = 0;
};

}  // namespace mailrace::tools
