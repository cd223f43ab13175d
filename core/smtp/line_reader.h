// SPDX-License-Identifier: GPL-3.0-or-later
// Command lines out of a stream that is split anywhere: only CRLF ends a line.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"

#include <cstddef>
#include <optional>
#include <string_view>

namespace mailrace::core {

struct CommandLine {
  std::string_view text;  // without CRLF; valid until the next take() and while the input is
  bool too_long = false;  // more than kCommandLineBytesMax with CRLF; text is only its beginning
};

/// Keeps a partial line in a block of the pool, and holds none in between.
class LineReader {
 public:
  /// blocks   of at least kCommandLineBytesMax octets, one for each reader
  explicit LineReader(BlockPool& blocks) noexcept : blocks_(blocks) {}
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader() { drop(); }

  /// Takes octets from `input` up to the end of a line.
  ///
  /// used      in: where to begin; out: behind what was taken
  /// returns   a line; nothing if the input ended before
  /// source    RFC 5321 section 2.3.8, section 4.5.3.1.4
  std::optional<CommandLine> take(Octets input, size_t& used) noexcept;

  /// Forgets a partial line.
  void drop() noexcept;

 private:
  void keep(std::string_view piece) noexcept;

  BlockPool& blocks_;
  char* partial_ = nullptr;
  size_t size_ = 0;  // octets of the partial line, kept or not
  bool ends_in_cr_ = false;
  bool handed_out_ = false;  // partial_ was returned by the last take()
};

}  // namespace mailrace::core
