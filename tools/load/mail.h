// SPDX-License-Identifier: GPL-3.0-or-later
// The mail data that is sent: few bodies for all, one small head for each message.
#pragma once

#include "core/base/bytes.h"
#include "core/base/crc32c.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// How mail data goes over the wire.
enum class LoadFraming : uint8_t {
  data,  // behind DATA: dot-stuffed, and ended by a line with a dot
  bdat,  // in chunks of BDAT: as it is
};

/// What messages of one size, or of one file, have in common.
struct LoadBody {
  core::Octets wire;      // what follows the head on the wire, to the end of the mail data
  uint64_t size = 0;      // of a whole message: the head, and what follows it without dot-stuffing
  uint32_t crc = 0;       // CRC-32C of what follows the number in the head, without dot-stuffing
  core::Crc32cJoin join;  // for what is in front of that
};

/// The messages of a run. Each is a head of its own followed by a body that it shares with others;
/// of a head only the number and the checksum differ from message to message.
///
/// Every message begins with the field `X-Mailrace-Load-Id: RUN.NUMBER.CRC`: 16, 16 and 8
/// hexadecimal digits. CRC is the CRC-32C of all octets of the message behind this field's line
/// end, as they are before dot-stuffing.
class LoadMail {
 public:
  static constexpr size_t kIdFieldBytes = 64;  // with its line end
  static constexpr size_t kHeadBytes = 245;    // of a message that is made up

  /// Messages of made-up text. A message of fewer octets has the end of the longest one's body.
  ///
  /// sizes     octets of messages, kLoadMessageBytesMin to kLoadMessageBytesMax, ascending, at
  ///           least one. All but the longest may come out a few octets shorter: no body begins
  ///           within a line end, or with a dot
  /// framing   as they are sent
  /// seed      chooses the text
  /// run       tells the messages of this run from those of others
  LoadMail(const std::vector<uint64_t>& sizes, LoadFraming framing, uint64_t seed, uint64_t run);

  /// Messages that are there already, and get the field in front.
  ///
  /// texts     whole lines with CRLF, at least one text; not kept
  LoadMail(const std::vector<std::string>& texts, LoadFraming framing, uint64_t run);

  LoadMail(const LoadMail&) = delete;
  LoadMail& operator=(const LoadMail&) = delete;

  /// Octets of a head: kHeadBytes at most.
  size_t head_bytes() const noexcept { return head_.size(); }

  /// Writes a whole head, with number 0 and without checksum. target   head_bytes() octets
  void write_head(char* target) const noexcept;

  /// Changes number and checksum in a head that write_head() wrote, for a message with `body`.
  /// returns   the checksum
  uint32_t patch(char* head, uint64_t number, const LoadBody& body) const noexcept;

  /// The text of an id, as patch() writes it.
  static std::string id(uint64_t run, uint64_t number, uint32_t crc);
  uint64_t run() const noexcept { return run_; }

  /// All there are, at least one. Valid as long as this is.
  const std::vector<LoadBody>& bodies() const noexcept { return bodies_; }

 private:
  void add_bodies(const std::vector<uint64_t>& sizes, LoadFraming framing);

  uint64_t run_;
  std::string head_;
  bool has_message_id_;             // in the head, with the number once more
  uint32_t crc_in_front_ = 0;       // of what is between the line end of the id and that number
  std::vector<std::string> texts_;  // what the bodies are of
  std::vector<LoadBody> bodies_;
};

}  // namespace mailrace::tools
