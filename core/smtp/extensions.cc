// SPDX-License-Identifier: GPL-3.0-or-later
// One list; an extension is in it only when it works.
#include "core/smtp/extensions.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/smtp/xclient.h"

namespace mailrace::core {

std::string ehlo_reply(const SessionOptions& options, EhloTls tls) {
  std::string reply;
  reply.append("250-").append(options.hostname).append("\r\n");
  reply.append("250-PIPELINING\r\n");
  reply.append("250-SIZE ").append(std::to_string(options.message_bytes_max)).append("\r\n");
  reply.append("250-8BITMIME\r\n");
  reply.append("250-CHUNKING\r\n");
  reply.append("250-BINARYMIME\r\n");
  if (options.prdr) reply.append("250-PRDR\r\n");
  reply.append("250-SMTPUTF8\r\n");
  reply.append("250-DSN\r\n");
  reply.append("250-MT-PRIORITY\r\n");
  reply.append("250-LIMITS RCPTMAX=").append(std::to_string(options.recipients_max));
  if (options.mails_max != 0) reply.append(" MAILMAX=").append(std::to_string(options.mails_max));
  reply.append("\r\n");
  if (tls == EhloTls::offered) reply.append("250-STARTTLS\r\n");
  if (tls == EhloTls::on) reply.append("250-REQUIRETLS\r\n");
  reply.append("250 ENHANCEDSTATUSCODES\r\n");
  MAILRACE_CHECK(reply.size() <= kReplyBytesMax);
  return reply;
}

void add_ehlo_reply_with_xclient(TextBuilder& target, std::string_view reply) noexcept {
  const size_t name_end = reply.find('\n') + 1;
  target.add(reply.substr(0, name_end));
  target.add("250-XCLIENT ").add(kXclientAttributes).add("\r\n");
  target.add(reply.substr(name_end));
  MAILRACE_CHECK(!target.cut());
}

}  // namespace mailrace::core
