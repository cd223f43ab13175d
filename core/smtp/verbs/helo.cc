// SPDX-License-Identifier: GPL-3.0-or-later
// EHLO and HELO (RFC 5321 section 4.1.1.1, section 4.1.4).
#include "core/base/text.h"
#include "core/smtp/extensions.h"
#include "core/smtp/server_session.h"

#include <array>

namespace mailrace::core {

Step ServerSession::check_helo(const Command& command, ReplyBuffer& out) noexcept {
  // A refused EHLO changes nothing (section 4.1.4).
  if (is_idle()) return refuse_and_close(ReplyId::too_many_idle_commands, out);
  if (!is_helo_name(command.argument)) return refuse(ReplyId::helo_name_malformed, out);
  helo_asked_.assign(command.argument);
  return ask(Question::helo, helo_asked_.view());
}

Step ServerSession::proceed_helo(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (!verdict.accepted) return refuse(verdict.refusal, out);
  helo_.assign(helo_asked_.view());
  unknown_verbs_ = 0;
  is_extended_ = verb_ == Verb::ehlo;
  const Need need = reset();
  if (!is_extended_) {
    out.add(ReplyId::helo_ok, config_.hostname);
    return {.need = need};
  }
  const std::string& offers = is_encrypted_        ? config_.ehlo_reply_encrypted
                              : client_.offers_tls ? config_.ehlo_reply_before_tls
                                                   : config_.ehlo_reply;
  if (!client_.may_xclient) {
    out.add_lines(ReplyId::ehlo_ok, offers);
    return {.need = need};
  }
  std::array<char, kReplyBytesMax> memory;
  TextBuilder reply(memory.data(), memory.size());
  add_ehlo_reply_with_xclient(reply, offers);
  out.add_lines(ReplyId::ehlo_ok, reply.text());
  return {.need = need};
}

}  // namespace mailrace::core
