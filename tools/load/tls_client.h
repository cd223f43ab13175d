// SPDX-License-Identifier: GPL-3.0-or-later
// TLS of the load generator, client side. It measures servers, and trusts every one.
#pragma once

#include "core/base/bytes.h"
#include "tools/load/options.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;

namespace mailrace::tools {

/// What the TLS sessions of one worker share: what is offered, and a session to be resumed.
class LoadTls {
 public:
  /// returns   nullptr: the library has not got the group or version
  static std::unique_ptr<LoadTls> make(const LoadTlsOptions& options);
  LoadTls(const LoadTls&) = delete;
  LoadTls& operator=(const LoadTls&) = delete;
  ~LoadTls();

 private:
  friend class LoadTlsSession;
  explicit LoadTls(const LoadTlsOptions& options) : options_(options) {}

  WOLFSSL* open() noexcept;
  bool is_to_resume() noexcept;

  const LoadTlsOptions options_;
  WOLFSSL_CTX* context_ = nullptr;
  WOLFSSL_SESSION* kept_ = nullptr;  // of a full handshake
  uint32_t percents_ = 0;            // that are owed to resumption
  std::vector<std::byte> plaintext_;
};

/// TLS of one connection. Knows no socket.
class LoadTlsSession {
 public:
  enum class Status : uint8_t { wants_input, established, plaintext, closed, failed };

  /// Has its ClientHello in output(). shared   outlives this
  explicit LoadTlsSession(LoadTls& shared);
  LoadTlsSession(const LoadTlsSession&) = delete;
  LoadTlsSession& operator=(const LoadTlsSession&) = delete;
  ~LoadTlsSession();

  /// Goes one step on: with the handshake, or by one record.
  /// input       what was received; what was used is taken off. Status::wants_input: all was
  /// plaintext   Status::plaintext: valid until the next call of any session of this worker
  Status advance(core::Octets& input, core::Octets& plaintext) noexcept;

  /// Encrypts into output(). returns   false: cannot go on
  bool write(core::Octets octets) noexcept;
  std::vector<std::byte>& output() noexcept { return output_; }

  bool is_established() const noexcept { return is_established_; }
  bool was_resumed() const noexcept;
  /// Static text.
  std::string_view failure() const noexcept { return failure_; }
  /// Lets later sessions resume this one, if it has a ticket and had a handshake of its own.
  void keep_for_resumption() noexcept;

  // What the library calls.
  static int on_read(WOLFSSL*, char* target, int size, void* self) noexcept;
  static int on_write(WOLFSSL*, char* octets, int size, void* self) noexcept;

 private:
  Status judge(int result) noexcept;

  LoadTls& shared_;
  WOLFSSL* session_;
  core::Octets input_;  // during advance()
  std::vector<std::byte> output_;
  std::string_view failure_;
  bool is_established_ = false;
};

}  // namespace mailrace::tools
