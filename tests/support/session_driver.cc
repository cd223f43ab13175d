// SPDX-License-Identifier: GPL-3.0-or-later
// What net/server_connection does with a ring and a spool, done with strings.
#include "tests/support/session_driver.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/text.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace mailrace::tests {

using core::Need;
using core::Octets;
using core::Question;
using core::ReplyId;
using core::Step;
using core::Verdict;

SessionRules SessionRules::refusing(Question question, ReplyId reply) const {
  SessionRules rules = *this;
  rules.refusals[size_t(question)] = reply;
  return rules;
}

std::ostream& operator<<(std::ostream& stream, const Transcript& transcript) {
  stream << transcript.replies << transcript.mails.size() << " mails, " << transcript.consumed
         << " octets" << (transcript.closed ? ", closed" : "");
  for (const StoredMail& mail : transcript.mails) {
    stream << "\nfrom " << mail.reverse_path << " for " << mail.forward_paths.size() << ":\n"
           << mail.data;
  }
  return stream;
}

namespace {

core::SessionOptions options_of(const SessionRules& rules) {
  core::SessionOptions options = rules.options;
  options.hostname = rules.hostname;
  options.message_bytes_max = rules.message_bytes_max;
  return options;
}

}  // namespace

SessionDriver::SessionDriver(SessionRules rules)
    : rules_(std::move(rules)),
      config_(options_of(rules_)),
      lines_(core::kSessionBlockBytes, 1),
      transactions_(core::kSessionBlockBytes, rules_.transaction_blocks),
      session_(config_, lines_, transactions_) {
  if (rules_.is_encrypted) session_.set_encrypted();
  Step step = session_.start(rules_.client);
  MAILRACE_CHECK(step.need == Need::verdict);
  MAILRACE_CHECK(step.question == Question::connect);
  while (step.need != Need::input && step.need != Need::close) step = serve(step);
  transcript_.closed = step.need == Need::close;
  send_replies(/*all=*/true);
}

void SessionDriver::send(std::string_view octets) {
  if (transcript_.closed) return;
  const auto memory = std::make_unique<std::byte[]>(octets.size());
  std::copy_n(std::as_bytes(std::span(octets)).data(), octets.size(), memory.get());
  Octets rest(memory.get(), octets.size());
  size_t idle_steps = 0;
  while (!transcript_.closed) {
    Step step = session_.feed(rest, out_);
    MAILRACE_CHECK(step.consumed <= rest.size());
    idle_steps = step.consumed > 0 ? 0 : idle_steps + 1;
    // Replies may go out octet by octet; besides, no octet causes more than a few steps.
    MAILRACE_CHECK(idle_steps <= core::kReplyBufferBytes + 8);
    transcript_.consumed += step.consumed;
    if (step.need == Need::input) {
      MAILRACE_CHECK(step.consumed == rest.size());
      break;
    }
    rest = rest.subspan(step.consumed);
    while (step.need == Need::verdict || step.need == Need::commit) step = serve(step);
    if (step.need != Need::input) step = serve(step);
    transcript_.closed = step.need == Need::close;
  }
  send_replies(/*all=*/true);
}

void SessionDriver::terminate(ReplyId reason) {
  const Step step = session_.terminate(reason, out_);
  MAILRACE_CHECK(step.need == Need::close);
  transcript_.closed = true;
  open_mail_.reset();
  send_replies(/*all=*/true);
}

// Does what the step needs; what the session says to that, or just to be fed again.
Step SessionDriver::serve(const Step& step) {
  switch (step.need) {
    case Need::input:
    case Need::close:
      return step;
    case Need::output:
      MAILRACE_CHECK(!out_.empty());
      send_replies(/*all=*/false);
      return {};
    case Need::delay:
      // The replies before the one that is held back may go, and that one is not among them.
      ++transcript_.delays;
      send_replies(/*all=*/true);
      return {};
    case Need::verdict:
      return session_.resume(judge(step), out_);
    case Need::append:
      return serve_append(step);
    case Need::drop:
      MAILRACE_CHECK(open_mail_.has_value());
      open_mail_.reset();
      return {};
    case Need::commit:
      return serve_commit();
    case Need::handshake:
      // Where TLS would be, nothing is: what comes next is under it.
      send_replies(/*all=*/true);
      session_.set_encrypted();
      transcript_.encrypted = true;
      return {};
  }
  MAILRACE_CHECK(false);  // a need without an answer
  return {};
}

Step SessionDriver::serve_append(const Step& step) {
  MAILRACE_CHECK(open_mail_.has_value());
  MAILRACE_CHECK(session_.receiving_data());
  MAILRACE_CHECK(!session_.mail_refusal().has_value());
  MAILRACE_CHECK(!step.mail_data.empty());
  open_mail_->data += core::as_text(step.mail_data);
  MAILRACE_CHECK(session_.mail_bytes() == open_mail_->data.size());
  MAILRACE_CHECK(session_.mail_bytes() <= rules_.message_bytes_max);
  if (rules_.mail_bytes_room && open_mail_->data.size() > *rules_.mail_bytes_room) {
    session_.refuse_mail(ReplyId::spool_full);
  }
  return {};
}

Step SessionDriver::serve_commit() {
  MAILRACE_CHECK(open_mail_.has_value());
  MAILRACE_CHECK(open_mail_->queue_id == session_.queue_id());
  const bool kept = !session_.mail_refusal() && !rules_.commit_refusal;
  if (kept) {
    MAILRACE_CHECK(session_.mail_bytes() == open_mail_->data.size());
    keep_accepted_recipients();
    transcript_.mails.push_back(std::move(*open_mail_));
  }
  open_mail_.reset();
  const Step step = session_.resume(
      rules_.commit_refusal ? Verdict::refuse(*rules_.commit_refusal) : Verdict::accept(), out_);
  // PRDR may have more to say than there is room for.
  MAILRACE_CHECK(session_.in_transaction() == (step.need == Need::output));
  return step;
}

// Those that PRDR did not refuse.
void SessionDriver::keep_accepted_recipients() {
  const core::RecipientReplies& replies = session_.transaction().recipient_replies;
  if (!replies.is_open()) return;
  StoredMail& mail = *open_mail_;
  const bool has_dsn = !mail.dsn.empty();
  size_t kept = 0;
  for (uint32_t i = 0; i < mail.forward_paths.size(); ++i) {
    if (replies.at(i) != ReplyId::recipient_accepted) continue;
    mail.forward_paths[kept] = mail.forward_paths[i];
    if (has_dsn) mail.dsn[kept] = mail.dsn[i];
    ++kept;
  }
  MAILRACE_CHECK(kept > 0);
  mail.forward_paths.resize(kept);
  if (has_dsn) mail.dsn.resize(kept);
}

Verdict SessionDriver::judge(const Step& step) {
  if (const auto refusal = rules_.refusals[size_t(step.question)]) return Verdict::refuse(*refusal);
  if (step.question == Question::data) return open_mail();
  if (step.question == Question::recipient_data) {
    const auto refusal = rules_.recipient_refusals.find(std::string(step.subject));
    return refusal == rules_.recipient_refusals.end() ? Verdict::accept()
                                                      : Verdict::refuse(refusal->second);
  }
  if (step.question != Question::recipient) return Verdict::accept();
  MAILRACE_CHECK(step.subject.ends_with(step.domain));
  MAILRACE_CHECK(step.domain.empty() == core::equal_ignoring_case(step.subject, "postmaster"));
  const auto is_ours = [&](const std::string& domain) {
    return core::equal_ignoring_case(domain, step.domain);
  };
  const bool accepted = rules_.domains.empty() || step.domain.empty() ||
                        std::any_of(rules_.domains.begin(), rules_.domains.end(), is_ours);
  return accepted ? Verdict::accept() : Verdict::refuse(ReplyId::relay_denied);
}

Verdict SessionDriver::open_mail() {
  MAILRACE_CHECK(!open_mail_.has_value());
  const core::Transaction& transaction = session_.transaction();
  open_mail_.emplace();
  open_mail_->helo = session_.helo();
  open_mail_->is_extended = session_.is_extended();
  open_mail_->reverse_path = transaction.reverse_path.view();
  open_mail_->claims = transaction.claims;
  open_mail_->envelope_id = transaction.envelope_id.view();
  open_mail_->size_declared = transaction.size_declared;
  open_mail_->queue_id = ++mails_opened_;
  bool has_dsn = false;
  transaction.recipients.for_each([&](const core::Recipient& recipient) {
    open_mail_->forward_paths.emplace_back(recipient.forward_path);
    open_mail_->dsn.push_back({recipient.notify, std::string(recipient.original_recipient)});
    has_dsn = has_dsn || open_mail_->dsn.back() != StoredDsn();
    return true;
  });
  if (!has_dsn) open_mail_->dsn.clear();
  MAILRACE_CHECK(open_mail_->forward_paths.size() == transaction.recipients.count());
  MAILRACE_CHECK(!open_mail_->forward_paths.empty());
  Verdict verdict = Verdict::accept();
  verdict.queue_id = open_mail_->queue_id;
  return verdict;
}

void SessionDriver::send_replies(bool all) {
  while (!out_.empty()) {
    const size_t size = std::min(out_.pending().size(), rules_.send_bytes_max);
    transcript_.replies += core::as_text(out_.pending().first(size));
    out_.consume(size);
    if (!all) return;
  }
}

Transcript run_session(std::string_view wire, std::span<const size_t> splits,
                       const SessionRules& rules) {
  SessionDriver driver(rules);
  size_t begin = 0;
  for (const size_t split : splits) {
    MAILRACE_CHECK(split >= begin);
    MAILRACE_CHECK(split <= wire.size());
    driver.send(wire.substr(begin, split - begin));
    begin = split;
  }
  driver.send(wire.substr(begin));
  return driver.transcript();
}

Transcript run_session_by_octets(std::string_view wire, const SessionRules& rules) {
  SessionDriver driver(rules);
  for (size_t i = 0; i < wire.size(); ++i) driver.send(wire.substr(i, 1));
  return driver.transcript();
}

std::vector<std::string> split_replies(std::string_view replies) {
  std::vector<std::string> all;
  std::string reply;
  while (!replies.empty()) {
    const size_t end = replies.find("\r\n");
    if (end == std::string_view::npos) return {std::string("no CRLF: ").append(replies)};
    const std::string_view line = replies.substr(0, end);
    replies.remove_prefix(end + 2);
    reply += line;
    if (line.size() > 3 && line[3] == '-') {
      reply += "\r\n";
      continue;
    }
    all.push_back(std::exchange(reply, {}));
  }
  if (!reply.empty()) all.push_back("no last line: " + reply);
  return all;
}

namespace {

// The enhanced code at the start of a reply's text, or nothing.
std::string_view enhanced_code(std::string_view text) {
  const std::string_view word = text.substr(0, text.find(' '));
  const bool is_code = word.size() >= 5 && core::is_digit(word[0]) && word[1] == '.' &&
                       std::count(word.begin(), word.end(), '.') == 2 &&
                       word.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_code ? word : std::string_view();
}

std::string defect_of_line(std::string_view line) {
  if (line.size() + 2 > core::kReplyLineBytesMax) return "too long";
  if (line.size() < 5 || (line[3] != ' ' && line[3] != '-')) return "no code and text";
  if (line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '5' ||
      !core::is_digit(line[2])) {
    return "no code";
  }
  const auto is_text = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::all_of(line.begin(), line.end(), is_text)) return "octets that are no text";
  const std::string_view enhanced = enhanced_code(line.substr(4));
  if (!enhanced.empty() && enhanced[0] != line[0]) return "an enhanced code of another class";
  if (enhanced.empty() && (line[0] == '4' || line[0] == '5')) return "no enhanced code";
  return {};
}

}  // namespace

std::string codes_of(std::string_view replies) {
  std::string codes;
  for (const std::string& text : split_replies(replies)) {
    const std::string_view reply = text;
    if (!codes.empty()) codes += ' ';
    codes += reply.substr(0, 3);
    const std::string_view enhanced =
        enhanced_code(reply.substr(std::min<size_t>(4, reply.size())));
    if (!enhanced.empty()) codes.append("/").append(enhanced);
  }
  return codes;
}

std::string defect_of_replies(std::string_view replies) {
  for (const std::string& reply : split_replies(replies)) {
    std::string_view rest = reply;
    while (true) {
      const size_t end = std::min(rest.find("\r\n"), rest.size());
      const std::string_view line = rest.substr(0, end);
      if (std::string defect = defect_of_line(line); !defect.empty()) {
        return defect.append(": ").append(reply);
      }
      if (line.substr(0, 3) != std::string_view(reply).substr(0, 3)) return "two codes: " + reply;
      if (end == rest.size()) break;
      rest.remove_prefix(end + 2);
    }
  }
  return {};
}

}  // namespace mailrace::tests
