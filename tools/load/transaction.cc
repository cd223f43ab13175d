// SPDX-License-Identifier: GPL-3.0-or-later
// The order of the draws is part of what a seed means.
#include "tools/load/transaction.h"

#include "core/base/limits.h"
#include "core/base/prng.h"

namespace mailrace::tools {
namespace {

bool hits(core::Prng& random, uint32_t percent) noexcept { return random.below(100) < percent; }

}  // namespace

LoadTransaction::LoadTransaction(const LoadPlan& plan) noexcept
    : plan_(plan), body_(&plan.mail->bodies().front()) {}

void LoadTransaction::choose_at_random() {
  const LoadOptions& options = plan_.options;
  core::Prng random(options.seed ^ number_);
  const std::vector<LoadBody>& bodies = plan_.mail->bodies();
  body_ = &bodies[random.below(bodies.size())];
  recipients_ = uint32_t(options.recipients.draw(random));
  bad_recipients_ = 0;
  if (options.bad_recipients_percent > 0) {
    is_bad_.assign(recipients_, false);
    for (uint32_t index = 0; index < recipients_; ++index) {
      is_bad_[index] = hits(random, options.bad_recipients_percent);
      bad_recipients_ += is_bad_[index] ? 1 : 0;
    }
  }
  end_ = good_recipients() > 0 ? End::sent : End::no_recipients;
  if (hits(random, options.abort_percent)) {
    end_ = cuts_next_ && end_ == End::sent ? End::cut : End::reset;
    cuts_next_ = end_ == End::reset;
  }
}

// Numbered through from message to message; those of one message are all different.
void LoadTransaction::append_rcpt_command(uint32_t index) {
  if (is_bad(index)) {
    text_ += plan_.bad_rcpt_command;
    return;
  }
  text_ += plan_.rcpt_begin;
  if (plan_.rcpt_has_number) {
    const uint64_t most = plan_.options.recipients.is_fixed() ? plan_.options.recipients.low
                                                              : plan_.options.recipients.high;
    text_ += std::to_string((number_ * most + index) % core::kLoadRecipientNumbers);
  }
  text_ += plan_.rcpt_end;
}

std::string_view LoadTransaction::rcpt_command(uint32_t index) {
  if (!plan_.is_varied) return plan_.rcpt_begin;
  text_.clear();
  append_rcpt_command(index);
  return text_;
}

std::string_view LoadTransaction::batch() {
  if (!plan_.is_varied) return plan_.transaction;
  text_ = plan_.mail_command;
  for (uint32_t index = 0; index < recipients_; ++index) append_rcpt_command(index);
  if (end_ == End::reset || end_ == End::no_recipients) {
    text_ += plan_.reset_command;
  } else if (plan_.options.framing == LoadFraming::data) {
    text_ += plan_.data_command;
  }
  return text_;
}

}  // namespace mailrace::tools
