// SPDX-License-Identifier: GPL-3.0-or-later
// What is decided of a message before it is begun: size, recipients, how it ends; and its commands.
#pragma once

#include "tools/load/mail.h"
#include "tools/load/plan.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// Decides by the seed and the number of a message, so a run may be had again whatever the timing.
class LoadTransaction {
 public:
  /// How it ends.
  enum class End : uint8_t {
    sent,           // with mail data
    no_recipients,  // by RSET: none is one that the server should take
    reset,          // by RSET, on purpose
    cut,            // within the mail data, with the connection, on purpose
  };

  /// plan   outlives this
  explicit LoadTransaction(const LoadPlan& plan) noexcept;

  /// Decides.
  void choose(uint64_t number) noexcept {
    number_ = number;
    if (plan_.is_varied) choose_at_random();
  }

  uint64_t number() const noexcept { return number_; }
  const LoadBody& body() const noexcept { return *body_; }
  End end() const noexcept { return end_; }
  /// All RCPT commands, at least one, and those of them that should be accepted.
  uint32_t recipients() const noexcept { return recipients_; }
  uint32_t good_recipients() const noexcept { return recipients_ - bad_recipients_; }
  /// Whether the server should refuse the recipient.
  bool is_bad(uint32_t index) const noexcept { return bad_recipients_ > 0 && is_bad_[index]; }

  /// The command of one recipient. Valid until the next call of this or batch().
  std::string_view rcpt_command(uint32_t index);
  /// All commands that can be sent in one piece: MAIL, RCPTs, and DATA or RSET. Valid as above.
  std::string_view batch();

 private:
  void choose_at_random();
  void append_rcpt_command(uint32_t index);

  const LoadPlan& plan_;
  const LoadBody* body_;
  uint64_t number_ = 0;
  uint32_t recipients_ = 1;
  uint32_t bad_recipients_ = 0;
  End end_ = End::sent;
  bool cuts_next_ = false;    // the next one that is given up
  std::vector<bool> is_bad_;  // by index; only if there are bad ones
  std::string text_;
};

}  // namespace mailrace::tools
