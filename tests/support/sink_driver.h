// SPDX-License-Identifier: GPL-3.0-or-later
// A sink's session without sockets: input in pieces, everything that it says and does as text.
#pragma once

#include "core/base/check.h"
#include "tools/sink/session.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mailrace::tests {

class SinkDriver {
 public:
  /// plan   must outlive this
  explicit SinkDriver(const tools::SinkPlan& plan, uint64_t seed = 1)
      : context_{plan, stats, records}, replies_(blocks_), session_(context_, blocks_, seed) {
    context_.now = {1};
  }

  /// Feeds a piece. What the session asks for is done at once, and noted: "<delay 1000000>",
  /// "<close>", "<hang up>", "<reset>".
  void feed(std::string_view piece) {
    while (!over) {
      const tools::SinkStep step = session_.feed(core::as_octets(piece), replies_);
      MAILRACE_CHECK(step.consumed <= piece.size());
      piece.remove_prefix(step.consumed);
      said += core::as_text(replies_.pending());
      replies_.consume(replies_.pending().size());
      if (step.need == tools::SinkNeed::input) {
        MAILRACE_CHECK(piece.empty());
        return;
      }
      if (step.need == tools::SinkNeed::delay) {
        said += "<delay " + std::to_string(step.delay.ns) + ">";
      }
      over = step.need >= tools::SinkNeed::close;
      if (step.need == tools::SinkNeed::close) said += "<close>";
      if (step.need == tools::SinkNeed::hang_up) said += "<hang up>";
      if (step.need == tools::SinkNeed::reset) said += "<reset>";
    }
  }

  /// returns  what was said since the last time, line ends as '|'
  std::string take_said() {
    std::string text = std::exchange(said, {});
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
    std::replace(text.begin(), text.end(), '\n', '|');
    return text;
  }

  void drain() { context_.draining = true; }

  tools::SinkStats stats;
  std::vector<tools::MailRecord> records;
  std::string said;
  bool over = false;

 private:
  core::BlockPool blocks_{core::kSessionBlockBytes, 2};
  tools::SinkContext context_;
  core::ReplyBuffer replies_;
  tools::SinkSession session_;
};

}  // namespace mailrace::tests
