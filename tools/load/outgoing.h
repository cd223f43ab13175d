// SPDX-License-Identifier: GPL-3.0-or-later
// How far the mail data of a message is on its way. Knows no socket.
#pragma once

#include "core/base/bytes.h"
#include "tools/load/mail.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace mailrace::tools {

/// A head, a body, and positions in them: octets are handed over for sending, and taken when the
/// kernel, or TLS, has them. Under BDAT in chunks, each with its command line in front.
class LoadOutgoing {
 public:
  /// What is to be sent next, in this order.
  struct Pieces {
    core::Octets command;
    core::Octets head;
    core::Octets body;

    size_t size() const noexcept { return command.size() + head.size() + body.size(); }
  };

  /// mail   outlives this
  explicit LoadOutgoing(const LoadMail& mail) noexcept { mail.write_head(head_); }

  /// The head, for LoadMail::patch().
  char* head() noexcept { return head_; }

  /// The next message has these octets; head() is that of it already.
  /// cut   only half of it is to go
  void begin(size_t head_bytes, core::Octets body, bool cut) noexcept;
  /// Nothing is in front of the mail data, and all of it goes in one run.
  void begin_whole() noexcept;
  /// The next `chunk_bytes` of it, or what is left, behind a BDAT command.
  void begin_chunk(uint64_t chunk_bytes) noexcept;

  /// Hands over up to `most` octets of the head and the body, valid until the next message begins.
  Pieces hand_over(size_t most) noexcept;
  /// So many octets of what was handed over are gone.
  void take(size_t octets) noexcept;

  /// All of this chunk was handed over, or was taken.
  bool is_handed() const noexcept { return handed_ == chunk_end_; }
  bool is_taken() const noexcept { return taken_ == chunk_end_; }
  /// The chunk is the last one.
  bool is_last() const noexcept { return chunk_end_ == end_; }
  /// Half a message is all there is: no reply is due.
  bool is_cut() const noexcept { return is_cut_; }
  /// Octets of the message that were taken, its commands not counted.
  size_t taken() const noexcept { return taken_; }

 private:
  core::Octets body_;
  size_t head_bytes_ = 0;
  size_t end_ = 0;  // of what is to be sent, like all that follows: from the begin of the head
  size_t chunk_end_ = 0;
  size_t handed_ = 0;
  size_t taken_ = 0;
  bool is_cut_ = false;
  std::string command_;
  size_t command_taken_ = 0;  // of it
  char head_[LoadMail::kHeadBytes];
};

}  // namespace mailrace::tools
