// SPDX-License-Identifier: GPL-3.0-or-later
// The mail data that is sent: one body for all, one small header section for each.
#pragma once

#include "core/base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace mailrace::tools {

/// Mail data of an exact size, made once. A message is a header section of its own followed by the
/// shared body; only the number in the header section differs from message to message.
class LoadMail {
 public:
  static constexpr size_t kHeaderBytes = 236;

  /// size   octets of mail data without the line "." that ends it, kLoadMessageBytesMin to
  ///        kLoadMessageBytesMax
  /// seed   chooses the text of the body
  /// run    tells the messages of this run from those of others
  LoadMail(uint64_t size, uint64_t seed, uint64_t run);

  /// Writes a whole header section, with number 0.
  ///
  /// target   kHeaderBytes octets
  void write_header(char* target) const noexcept;

  /// Changes the number in a header section that write_header() wrote.
  static void patch_number(char* header, uint64_t number) noexcept;

  /// What follows the header section, with the ".CRLF" that ends the mail data. Valid as long as
  /// this is.
  core::Octets body() const noexcept { return core::as_octets(body_); }

  /// Octets of mail data, as asked for.
  uint64_t size() const noexcept { return size_; }

 private:
  std::string header_;
  std::string body_;
  uint64_t size_;
};

}  // namespace mailrace::tools
