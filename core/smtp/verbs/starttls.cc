// SPDX-License-Identifier: GPL-3.0-or-later
// STARTTLS (RFC 3207): nothing that was said in the clear is known under TLS.
#include "core/base/check.h"
#include "core/smtp/server_session.h"

namespace mailrace::core {

Step ServerSession::check_starttls(ReplyBuffer& out) noexcept {
  if (is_encrypted_) return refuse(ReplyId::tls_is_on, out);
  if (!client_.offers_tls) return refuse(ReplyId::not_implemented, out);
  if (transaction_.is_open) return refuse(ReplyId::mail_again, out);
  // Somebody between the client and us could have put them there, to be taken for what the client
  // says under TLS (CVE-2011-0411).
  if (has_more_) return refuse_and_close(ReplyId::octets_behind_starttls, out);
  return ask(Question::tls, {});
}

Step ServerSession::proceed_starttls(const Verdict& verdict, ReplyBuffer& out) noexcept {
  if (!verdict.accepted) return refuse_and_close(verdict.refusal, out);
  const Need need = reset();
  MAILRACE_CHECK(need == Need::input);  // no transaction, no mail
  helo_.clear();
  is_extended_ = false;
  mail_refused_ = false;
  out.add(ReplyId::tls_begins);
  state_ = State::handshake;
  return {.need = Need::handshake};
}

void ServerSession::set_encrypted() noexcept {
  MAILRACE_CHECK(state_ == State::created || state_ == State::handshake);
  if (state_ == State::handshake) state_ = State::command;
  is_encrypted_ = true;
}

// RFC 3207 section 4: what a client may say before TLS where it has to be. XCLIENT is said by
// others than the client that TLS is asked of.
bool ServerSession::needs_tls_for(Verb verb) const noexcept {
  if (!client_.needs_tls || is_encrypted_) return false;
  return verb != Verb::ehlo && verb != Verb::starttls && verb != Verb::noop && verb != Verb::quit &&
         verb != Verb::xclient && verb != Verb::unknown;
}

}  // namespace mailrace::core
