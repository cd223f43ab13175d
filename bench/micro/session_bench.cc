// SPDX-License-Identifier: GPL-3.0-or-later
// What the protocol itself costs: a message through ServerSession, verdicts answered at once, mail
// data looked at but put nowhere. No socket, no spool.
#include "bench/micro/mail_data.h"
#include "core/base/bytes.h"
#include "core/base/limits.h"
#include "core/smtp/server_session.h"

#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

namespace mailrace::bench {
namespace {

using core::Need;
using core::Octets;
using core::Step;
using core::Verdict;

// Blocks and configuration, as a worker has them for all its sessions.
struct Worker {
  core::SessionConfig config{{.hostname = "mx.bench.test"}};
  core::BlockPool lines{core::kSessionBlockBytes, 1};
  core::BlockPool transactions{core::kSessionBlockBytes, 1};
  core::BlockPool replies{core::kReplyBufferBytes, 1};
};

// One session, and a peer that takes every reply at once.
class Session {
 public:
  explicit Session(Worker& worker) noexcept
      : session_(worker.config, worker.lines, worker.transactions), out_(worker.replies) {
    (void)session_.start();
    (void)session_.resume(Verdict::accept(), out_);
  }

  void serve(Octets input) noexcept {
    while (true) {
      const Step step = session_.feed(input, out_);
      input = input.subspan(step.consumed);
      switch (step.need) {
        case Need::append:
          mail_bytes_ += step.mail_data.size();
          break;
        case Need::drop:
          break;
        case Need::commit:
          ++mails_;
          [[fallthrough]];
        case Need::verdict:
          (void)session_.resume(Verdict{true, {}, 42}, out_);
          break;
        case Need::output:
        case Need::delay:
        case Need::handshake:
          send();
          break;
        case Need::input:
        case Need::close:
          return send();
      }
    }
  }

  // Since the session began.
  uint64_t mails() const noexcept { return mails_; }
  uint64_t mail_bytes() const noexcept { return mail_bytes_; }
  uint64_t reply_bytes() const noexcept { return reply_bytes_; }

 private:
  void send() noexcept {
    reply_bytes_ += out_.pending().size();
    benchmark::DoNotOptimize(out_.pending().data());
    out_.consume(out_.pending().size());
  }

  core::ServerSession session_;
  core::ReplyBuffer out_;
  uint64_t mails_ = 0;
  uint64_t mail_bytes_ = 0;
  uint64_t reply_bytes_ = 0;
};

constexpr std::string_view kHello = "EHLO client.bench.test\r\n";
constexpr std::string_view kQuit = "QUIT\r\n";

// As a mail has it that came through two servers.
constexpr std::string_view kHeaderSection =
    "Received: from mail.client.bench.test (mail.client.bench.test [192.0.2.25])\r\n"
    "\tby relay.bench.test with ESMTPS id 1A2B3C4D5E6F7;\r\n"
    "\tMon, 6 Jan 2025 10:00:01 +0000\r\n"
    "Received: from [192.0.2.77] by mail.client.bench.test; Mon, 6 Jan 2025 10:00:00 +0000\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=client.bench.test; s=k1;\r\n"
    "\tt=1736157600; h=from:to:subject:date:message-id:mime-version:content-type;\r\n"
    "\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=TmljZSB0aGF0IHlvdSBsb29r\r\n"
    "From: Sender <sender@client.bench.test>\r\n"
    "To: Recipient <recipient@mx.bench.test>\r\n"
    "Subject: a mail for the benchmark\r\n"
    "Date: Mon, 6 Jan 2025 10:00:00 +0000\r\n"
    "Message-ID: <20250106100000.1@client.bench.test>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "\r\n";

// A transaction as a pipelining client sends it, with `bytes` octets of mail data, CRLF included.
std::string transaction_of(size_t bytes) {
  std::string wire =
      "MAIL FROM:<sender@client.bench.test> SIZE=4096 BODY=8BITMIME\r\n"
      "RCPT TO:<recipient@mx.bench.test>\r\n"
      "DATA\r\n";
  wire += kHeaderSection;
  wire += core::as_text(make_mail_data(bytes - kHeaderSection.size() - 2, /*seed=*/42));
  return wire + "\r\n.\r\n";
}

bool is_wrong(const Session& session, uint64_t mails, int64_t bytes) {
  return session.mails() != mails || session.mail_bytes() != mails * uint64_t(bytes);
}

// Time per message in a session that goes on.
void bench_message(benchmark::State& state) {
  const std::string wire = transaction_of(size_t(state.range(0)));
  Worker worker;
  Session session(worker);
  session.serve(core::as_octets(kHello));
  for ([[maybe_unused]] auto _ : state) session.serve(core::as_octets(wire));
  if (is_wrong(session, uint64_t(state.iterations()), state.range(0))) {
    state.SkipWithError("mails are missing or cut");
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * int64_t(wire.size()));
}
BENCHMARK(bench_message)->Name("session/message")->Arg(4 << 10)->Arg(64 << 10);

// The same in segments of an Ethernet frame's payload: lines and mail data are split anywhere.
void bench_message_in_segments(benchmark::State& state) {
  constexpr size_t kSegmentBytes = 1448;
  const std::string wire = transaction_of(size_t(state.range(0)));
  Worker worker;
  Session session(worker);
  session.serve(core::as_octets(kHello));
  for ([[maybe_unused]] auto _ : state) {
    for (size_t i = 0; i < wire.size(); i += kSegmentBytes) {
      session.serve(core::as_octets(std::string_view(wire).substr(i, kSegmentBytes)));
    }
  }
  if (is_wrong(session, uint64_t(state.iterations()), state.range(0))) {
    state.SkipWithError("mails are missing or cut");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bench_message_in_segments)->Name("session/message_in_segments")->Arg(4 << 10);

// Time per session of one message, from the greeting to QUIT, a command at a time.
void bench_session(benchmark::State& state) {
  const std::string wire = transaction_of(size_t(state.range(0)));
  const size_t data = wire.find("DATA\r\n") + 6;
  const std::string_view pieces[] = {kHello, std::string_view(wire).substr(0, data),
                                     std::string_view(wire).substr(data), kQuit};
  Worker worker;
  for ([[maybe_unused]] auto _ : state) {
    Session session(worker);
    for (const std::string_view piece : pieces) session.serve(core::as_octets(piece));
    if (is_wrong(session, 1, state.range(0))) {
      state.SkipWithError("the mail is missing or cut");
      break;
    }
    benchmark::DoNotOptimize(session.reply_bytes());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bench_session)->Name("session/whole")->Arg(4 << 10);

}  // namespace
}  // namespace mailrace::bench
