// SPDX-License-Identifier: GPL-3.0-or-later
// How often each reply was given: every refusal has a row of its own, and so a reason.
#pragma once

#include "core/base/counter.h"
#include "core/smtp/replies.h"

#include <array>

namespace mailrace::core {

/// By ReplyId. Written by one thread.
using ReplyCounts = std::array<Counter, kReplyCount>;

}  // namespace mailrace::core
