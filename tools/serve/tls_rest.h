// SPDX-License-Identifier: GPL-3.0-or-later
// When files that have changed are read.
#pragma once

#include "core/base/limits.h"
#include "core/base/time.h"

namespace mailrace::tools {

/// Once they have rested from one look to the next, since chain and key are seldom replaced in one
/// step. A directory in which something always changes must not hold up all others: what is half
/// written then is found broken, and what was there before goes on.
class TlsRest {
 public:
  /// For each look. is_new     they are not as they were when they were read
  ///                is_still   they are as at the look before
  /// returns   whether they are to be read now
  bool note_look(bool is_new, bool is_still, core::Instant now) noexcept {
    if (is_new && !was_new_) new_since_ = now;
    const bool is_due =
        is_new && (is_still || now >= new_since_ + core::seconds(core::kTlsFilesRestlessS));
    was_new_ = is_new && !is_due;
    return is_due;
  }

 private:
  bool was_new_ = false;
  core::Instant new_since_;
};

}  // namespace mailrace::tools
