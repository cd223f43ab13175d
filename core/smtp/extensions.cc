// SPDX-License-Identifier: GPL-3.0-or-later
// One list; an extension is in it only when it works.
#include "core/smtp/extensions.h"

#include "core/base/check.h"
#include "core/base/limits.h"

namespace mailrace::core {

std::string ehlo_reply(const SessionOptions& options) {
  std::string reply;
  reply.append("250-").append(options.hostname).append("\r\n");
  reply.append("250-PIPELINING\r\n");
  reply.append("250-SIZE ").append(std::to_string(options.message_bytes_max)).append("\r\n");
  reply.append("250-8BITMIME\r\n");
  reply.append("250 ENHANCEDSTATUSCODES\r\n");
  MAILRACE_CHECK(reply.size() <= kReplyBytesMax);
  return reply;
}

}  // namespace mailrace::core
