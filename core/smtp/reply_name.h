// SPDX-License-Identifier: GPL-3.0-or-later
// What a reply is called where people or programs count them.
#pragma once

#include "core/smtp/replies.h"

#include <string_view>

namespace mailrace::core {

/// The name of the enumerator: "mail_accepted".
std::string_view reply_name(ReplyId id) noexcept;

}  // namespace mailrace::core
