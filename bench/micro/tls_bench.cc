// SPDX-License-Identifier: GPL-3.0-or-later
// What TLS costs a server without a network: handshakes, and the decryption of full records. Only
// the CPU time of the server's side is counted; the client is the load generator's.
#include "bench/micro/mail_data.h"
#include "bench/micro/tls_server_side.h"
#include "net/tls_wolfssl.h"
#include "tools/load/tls_client.h"

#include <benchmark/benchmark.h>

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace mailrace::bench {
namespace {

using tools::LoadTlsGroup;
using tools::LoadTlsVersion;

/// CPU time of this thread.
class Stopwatch {
 public:
  void start() { begun_ = now(); }
  void stop() { seconds_ += now() - begun_; }
  double take_seconds() { return std::exchange(seconds_, 0); }

 private:
  static double now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
  }

  double begun_ = 0;
  double seconds_ = 0;
};

/// A client and a server that are connected anew for each handshake.
class Meeting {
 public:
  /// version   the only one, with X25519 or whatever `group` says
  Meeting(TlsServerSide& server, LoadTlsVersion version, LoadTlsGroup group, bool resumes)
      : server_(server),
        shared_(tools::LoadTls::make({.version = version,
                                      .group = group,
                                      .resume_percent = resumes ? 100u : 0u,
                                      .server_name = {}})) {}

  /// returns   whether both sides are through, and of one mind about resumption
  bool shake_hands() {
    if (shared_ == nullptr) return false;
    client_ = std::make_unique<tools::LoadTlsSession>(*shared_);
    watch_.start();
    server_.open();
    watch_.stop();
    while (!client_->is_established() || !client_->output().empty()) {
      if (!send() || !answer()) return false;
    }
    return server_.is_established() && server_.was_resumed() == client_->was_resumed();
  }
  bool was_resumed() const { return client_->was_resumed(); }
  void keep_for_resumption() { client_->keep_for_resumption(); }

  /// Encrypts; send() brings it to the server.
  bool write(core::Octets octets) { return client_->write(octets); }
  bool send() {
    watch_.start();
    const bool goes_on = server_.receive(client_->output());
    watch_.stop();
    client_->output().clear();
    return goes_on;
  }
  void part() {
    watch_.start();
    server_.close();
    watch_.stop();
  }
  /// What the server has taken since the last call.
  double take_seconds() { return watch_.take_seconds(); }

 private:
  bool answer() {
    using Status = tools::LoadTlsSession::Status;
    core::Octets octets = server_.sent();
    core::Octets plaintext;
    Status status = Status::established;
    // Behind the handshake there may be a ticket.
    while (status == Status::established) status = client_->advance(octets, plaintext);
    watch_.start();
    server_.take_sent();
    watch_.stop();
    return status == Status::wants_input;
  }

  TlsServerSide& server_;
  std::unique_ptr<tools::LoadTls> shared_;
  std::unique_ptr<tools::LoadTlsSession> client_;
  Stopwatch watch_;
};

struct Handshake {
  LoadTlsVersion version;
  bool is_resumed;
  LoadTlsGroup group = LoadTlsGroup::x25519;
};

template <class ServerSide>
void bench_handshake(benchmark::State& state, const std::string& certificate,
                     const Handshake& wanted) {
  ServerSide server(certificate);
  Meeting meeting(server, wanted.version, wanted.group, wanted.is_resumed);
  if (!meeting.shake_hands()) return state.SkipWithError("no handshake");
  meeting.keep_for_resumption();
  meeting.part();
  meeting.take_seconds();
  for ([[maybe_unused]] auto _ : state) {
    const bool is_right = meeting.shake_hands() && meeting.was_resumed() == wanted.is_resumed;
    if (!is_right) return state.SkipWithError("not the handshake that was asked for");
    meeting.part();
    state.SetIterationTime(meeting.take_seconds());
  }
  state.SetItemsProcessed(state.iterations());
}

void bench_decrypt(benchmark::State& state, LoadTlsVersion version) {
  const auto mail = make_mail_data(/*bytes=*/1 << 20, /*seed=*/42);
  OurServerSide server("ecdsa");
  Meeting meeting(server, version, LoadTlsGroup::x25519, /*resumes=*/false);
  if (!meeting.shake_hands()) return state.SkipWithError("no handshake");
  meeting.take_seconds();
  for ([[maybe_unused]] auto _ : state) {
    const size_t before = server.plaintext_bytes();
    const bool is_sent = meeting.write(mail) && meeting.send();
    const bool is_whole = is_sent && server.plaintext_bytes() - before == mail.size();
    if (!is_whole) return state.SkipWithError("not what was encrypted");
    state.SetIterationTime(meeting.take_seconds());
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(mail.size()));
}

template <class ServerSide>
void add_handshake(const std::string& side, const std::string& certificate, const std::string& what,
                   const Handshake& handshake) {
  const std::string name = "tls_handshake/" + side + "/" + certificate + "/" + what;
  benchmark::RegisterBenchmark(name.c_str(), bench_handshake<ServerSide>, certificate, handshake)
      ->UseManualTime();
}

template <class ServerSide>
void add_handshakes(const std::string& side) {
  for (const std::string certificate : {"ecdsa", "rsa"}) {
    using enum LoadTlsVersion;
    add_handshake<ServerSide>(side, certificate, "1.3/full", {tls13, false});
    add_handshake<ServerSide>(side, certificate, "1.3/resumed", {tls13, true});
    add_handshake<ServerSide>(side, certificate, "1.2/full", {tls12, false});
    add_handshake<ServerSide>(side, certificate, "1.2/resumed", {tls12, true});
  }
#ifdef WOLFSSL_HAVE_MLKEM
  add_handshake<ServerSide>(side, "ecdsa", "1.3/full/x25519mlkem768",
                            {LoadTlsVersion::tls13, false, LoadTlsGroup::x25519mlkem768});
#endif
}

const bool kRegistered = [] {
  add_handshakes<OurServerSide>("mailrace");
  add_handshakes<LibraryServerSide>("wolfssl");
  benchmark::RegisterBenchmark("tls_decrypt/1.3", bench_decrypt, LoadTlsVersion::tls13)
      ->UseManualTime();
  benchmark::RegisterBenchmark("tls_decrypt/1.2", bench_decrypt, LoadTlsVersion::tls12)
      ->UseManualTime();
  return true;
}();

}  // namespace
}  // namespace mailrace::bench
