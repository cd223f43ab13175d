// SPDX-License-Identifier: GPL-3.0-or-later
// The server's side of a TLS connection in memory: ours, and the library's alone as the limit
// that ours is compared with.
#pragma once

#include "core/base/block_pool.h"
#include "core/base/bytes.h"
#include "net/tls_context.h"
#include "net/tls_session.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::bench {

/// A connection that is made anew for each handshake.
class TlsServerSide {
 public:
  TlsServerSide() = default;
  TlsServerSide(const TlsServerSide&) = delete;
  TlsServerSide& operator=(const TlsServerSide&) = delete;
  virtual ~TlsServerSide() = default;

  virtual void open() = 0;
  /// Takes everything that the client sent. returns   false: the session has failed
  virtual bool receive(core::Octets octets) = 0;
  /// What is to be sent; valid until receive().
  virtual core::Octets sent() = 0;
  virtual void take_sent() = 0;
  virtual bool is_established() const = 0;
  virtual bool was_resumed() const = 0;
  virtual void close() = 0;
};

/// net::TlsSession, as the server drives it.
class OurServerSide final : public TlsServerSide {
 public:
  /// certificate   of tests/data/tls
  explicit OurServerSide(const std::string& certificate);

  void open() override { session_.emplace(context_, blocks_, kept_bytes_); }
  bool receive(core::Octets octets) override;
  core::Octets sent() override { return session_->output().pending(); }
  void take_sent() override { session_->output().consume(sent().size()); }
  bool is_established() const override { return session_->is_open(); }
  bool was_resumed() const override { return session_->facts().is_resumed; }
  void close() override { session_.reset(); }

  /// Octets of plaintext since it was made.
  size_t plaintext_bytes() const { return plaintext_bytes_; }

 private:
  std::shared_ptr<net::TlsContext> context_;
  core::BlockPool blocks_{core::kTlsOutputBytes, 1};
  size_t kept_bytes_ = 0;
  std::vector<std::byte> target_;
  std::optional<net::TlsSession> session_;
  size_t plaintext_bytes_ = 0;
};

/// wolfSSL with the same certificate and nothing else: no look at the ClientHello, no choice, and
/// tickets without cryptography.
class LibraryServerSide final : public TlsServerSide {
 public:
  explicit LibraryServerSide(const std::string& certificate);
  ~LibraryServerSide() override;

  void open() override;
  bool receive(core::Octets octets) override;
  core::Octets sent() override { return sent_; }
  void take_sent() override { sent_.clear(); }
  bool is_established() const override { return is_established_; }
  bool was_resumed() const override;
  void close() override;

 private:
  static int on_read(WOLFSSL*, char* target, int size, void* self);
  static int on_write(WOLFSSL*, char* octets, int size, void* self);

  WOLFSSL_CTX* context_;
  WOLFSSL* session_ = nullptr;
  core::Octets received_;
  std::vector<std::byte> sent_;
  bool is_established_ = false;
};

}  // namespace mailrace::bench
