// SPDX-License-Identifier: GPL-3.0-or-later
// What was acknowledged against what arrived: lost, double, altered, unknown mails.
#pragma once

#include "tools/sink/mail_record.h"

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// What may be found of a mail; all of these but `unknown` are wrong.
enum class MailFinding : uint8_t {
  lost,     // acknowledged, and never arrived
  doubled,  // arrived more than once
  altered,  // other octets than its id says, or another size or checksum than acknowledged
  unknown,  // arrived, and nobody says that it was acknowledged: its sender may have been cut off
};
inline constexpr std::array<std::string_view, 4> kMailFindingNames{"lost", "double", "altered",
                                                                   "unknown"};
inline constexpr size_t kMailFindingCount = kMailFindingNames.size();

struct MailMatch {
  uint64_t acknowledged = 0;                                      // ids
  uint64_t arrived = 0;                                           // mails with an id
  std::array<uint64_t, kMailFindingCount> counts{};               // ids, by finding
  std::array<std::vector<LoadId>, kMailFindingCount> examples{};  // kMailExamplesMax of each

  uint64_t count(MailFinding finding) const noexcept { return counts[size_t(finding)]; }
  /// Whether nothing is wrong.
  bool is_good() const noexcept {
    return count(MailFinding::lost) + count(MailFinding::doubled) + count(MailFinding::altered) ==
           0;
  }
};

/// Matches by id, in place; records without one are left out.
///
/// acknowledged   an id that is there twice counts once
/// arrived        in any order
MailMatch match_mails(std::vector<MailRecord> acknowledged, std::vector<MailRecord> arrived);

/// Reads a file with a record on each line, see parse_record().
///
/// flag     for messages: "--verify"
/// fails    with one line that names flag, file and line: it cannot be read, has a line that is no
///          record, or more than kMailRecordsMax
tl::expected<std::vector<MailRecord>, std::string> read_records(std::string_view flag,
                                                                const std::string& path);

}  // namespace mailrace::tools
