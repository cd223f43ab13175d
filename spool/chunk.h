// SPDX-License-Identifier: GPL-3.0-or-later
// Chunks: where records are put together before they are written.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "spool/record.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace mailrace::spool {

/// Whole records of one mail, in memory until they are written.
struct Chunk {
  Chunk* next = nullptr;        // in the list that holds it
  std::byte* octets = nullptr;  // nullptr: given back before the rest, see release_octets()
  uint32_t bytes = 0;           // octets of records so far, the open one included
  uint32_t open_at = 0;         // where the open record begins
  bool begins_mail = false;     // holds the first record of the mail
  bool ends_mail = false;       // holds the end record, as the last one: somebody waits for it
  Durability durability = Durability::disk;  // ... to have come so far
  uint64_t mail_data_bytes = 0;              // if it ends the mail: octets of its data
  uint32_t mail_slot = 0;                    // whose records these are: the writer's slot ...
  uint64_t mail_id = 0;                      // ... if it still has this mail
  uint64_t end_offset = 0;                   // in the log, once appended

  /// Whether there is nothing in it but an open record without a body.
  bool is_empty() const noexcept { return bytes == core::kRecordHeaderBytes; }

  /// Octets of body that still fit behind what is there, with room for an end record left.
  size_t room() const noexcept;
  std::byte* tail() noexcept { return octets + bytes; }

  /// Starts a record; its body is what is added to tail() and `bytes` from here on.
  void open_record() noexcept;
  /// Completes the open record with checksum and padding. A record without a body is taken back.
  /// returns  whether there was one
  bool close_record(RecordType type) noexcept;
};

/// The memory of one worker's spool, fixed at construction. Last in, first out: hot chunks first.
class ChunkPool {
 public:
  explicit ChunkPool(size_t count);

  /// An empty chunk, or nullptr when all are out.
  Chunk* take() noexcept;
  /// One without octets, for records that lie elsewhere; as release_octets().
  Chunk* take_bare() noexcept;
  void give(Chunk& chunk) noexcept;
  /// Gives back what is scarce of a chunk, while it is known still whose it is: of as many as a
  /// write has pieces, for each write that may be under way.
  void release_octets(Chunk& chunk) noexcept { memory_.give(std::exchange(chunk.octets, nullptr)); }
  size_t free_count() const noexcept { return memory_.free_count(); }
  size_t reusable_bytes() const noexcept { return memory_.reusable_bytes(); }

 private:
  core::BlockPool memory_;
  std::vector<Chunk> chunks_;
  Chunk* free_ = nullptr;
};

/// First in, first out, linked through Chunk::next.
class ChunkQueue {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  Chunk* front() const noexcept { return first_; }
  void push(Chunk& chunk) noexcept {
    chunk.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &chunk;
    last_ = &chunk;
  }
  Chunk& pop() noexcept {
    Chunk& chunk = *first_;
    first_ = chunk.next;
    if (first_ == nullptr) last_ = nullptr;
    return chunk;
  }

 private:
  Chunk* first_ = nullptr;
  Chunk* last_ = nullptr;
};

inline constexpr size_t kEndRecordBytes = record_bytes(kEndBodyBytes);
inline constexpr size_t kSealRecordBytes = record_bytes(kSealBodyBytes);

}  // namespace mailrace::spool
