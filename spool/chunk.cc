// SPDX-License-Identifier: GPL-3.0-or-later
// Records are closed while their octets are still in the cache: one pass for the checksum.
#include "spool/chunk.h"

#include "core/base/check.h"

#include <cstring>

namespace mailrace::spool {

size_t Chunk::room() const noexcept {
  // Padding of the record that is open, then an end record, always fit: commit never needs a chunk.
  constexpr size_t kReserved = core::kRecordAlignment + kEndRecordBytes;
  static_assert(core::kChunkBytes > 2 * kReserved);
  const size_t limit = core::kChunkBytes - kReserved;
  return bytes < limit ? limit - bytes : 0;
}

void Chunk::open_record() noexcept {
  MAILRACE_CHECK(bytes % core::kRecordAlignment == 0);
  MAILRACE_CHECK(bytes + core::kRecordHeaderBytes <= core::kChunkBytes);
  open_at = bytes;
  bytes += uint32_t{core::kRecordHeaderBytes};
}

bool Chunk::close_record(RecordType type) noexcept {
  const uint32_t body_at = open_at + uint32_t{core::kRecordHeaderBytes};
  MAILRACE_CHECK(bytes >= body_at);
  if (bytes == body_at) {
    bytes = open_at;
    return false;
  }
  const core::Octets body(octets + body_at, bytes - body_at);
  encode_record({octets + open_at, core::kRecordHeaderBytes}, type, mail_id, body);
  const auto padded = uint32_t(core::align_up(bytes, core::kRecordAlignment));
  std::memset(tail(), 0, padded - bytes);
  bytes = padded;
  MAILRACE_CHECK(bytes <= core::kChunkBytes);
  return true;
}

ChunkPool::ChunkPool(size_t count)
    : memory_(core::kChunkBytes, count),
      chunks_(count + core::kWritesInFlightMax * core::kWriteChunksMax) {
  for (size_t i = chunks_.size(); i-- > 0;) {
    chunks_[i].next = free_;
    free_ = &chunks_[i];
  }
}

Chunk* ChunkPool::take() noexcept {
  std::byte* const octets = memory_.take();
  if (octets == nullptr) return nullptr;
  Chunk* const chunk = take_bare();
  MAILRACE_CHECK(chunk != nullptr);
  chunk->octets = octets;
  return chunk;
}

Chunk* ChunkPool::take_bare() noexcept {
  Chunk* const chunk = free_;
  if (chunk == nullptr) return nullptr;
  free_ = chunk->next;
  *chunk = Chunk{};
  return chunk;
}

void ChunkPool::give(Chunk& chunk) noexcept {
  if (chunk.octets != nullptr) release_octets(chunk);
  chunk.next = free_;
  free_ = &chunk;
}

}  // namespace mailrace::spool
