// SPDX-License-Identifier: GPL-3.0-or-later
// Faults on demand: what a sink does instead of what it should, how often, and where in a session.
#pragma once

#include "core/base/prng.h"
#include "core/base/time.h"
#include "tools/sink/options.h"

#include <tl/expected.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// Where a reply is due.
enum class FaultStage : uint8_t {
  banner,   // the greeting
  ehlo,     // EHLO, HELO, LHLO
  mail,     // MAIL
  rcpt,     // RCPT
  data,     // DATA, and a chunk that is not the last one
  message,  // the end of the mail data; of LMTP for each recipient
};
inline constexpr std::array<std::string_view, 6> kFaultStageNames{"banner", "ehlo", "mail",
                                                                  "rcpt",   "data", "message"};
inline constexpr size_t kFaultStageCount = kFaultStageNames.size();

enum class FaultKind : uint8_t { delay, reply, reset, close };
inline constexpr std::array<std::string_view, 4> kFaultKindNames{"delay", "reply", "reset",
                                                                 "close"};
inline constexpr size_t kFaultKindCount = kFaultKindNames.size();

/// One rule of a flag.
struct FaultRule {
  FaultStage stage = FaultStage::banner;
  FaultKind kind = FaultKind::delay;
  uint32_t percent = 100;  // 1 to 100; a delay is always
  uint16_t code = 0;       // FaultKind::reply: 400 to 599
  core::Duration delay{};  // FaultKind::delay
};

/// What the rules of each kind look like, for messages and help.
std::string_view fault_syntax(FaultKind kind) noexcept;

/// Reads a rule, such as "rcpt:10:450" of FaultKind::reply.
///
/// fails   with a few words on the part that is wrong; with none if fault_syntax() says it all
tl::expected<FaultRule, std::string> parse_fault(FaultKind kind, std::string_view text);

/// All rules of a sink, by stage.
class FaultPlan {
 public:
  /// A plan without faults.
  FaultPlan() = default;

  /// Requires: each rule is one that parse_fault() reads.
  /// fails   with one line: two delays of a stage, or shares of more than 100 percent
  static tl::expected<FaultPlan, std::string> make(const SinkOptions& options);

  /// How long the reply is held back; 0: not at all.
  core::Duration delay(FaultStage stage) const noexcept { return stages_[size_t(stage)].delay; }

  /// Draws what becomes of a reply. Shares are of all replies of the stage, and exclude each other.
  /// returns   a rule, valid as long as the plan; nullptr: the reply is said as it should be
  const FaultRule* draw(FaultStage stage, core::Prng& random) const noexcept;

 private:
  struct Stage {
    core::Duration delay{};
    std::vector<FaultRule> rules;  // other than delays; their percents add up to 100 at most
    uint32_t percent = 0;          // of all of them
  };
  std::array<Stage, kFaultStageCount> stages_;
};

}  // namespace mailrace::tools
