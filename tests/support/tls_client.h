// SPDX-License-Identifier: GPL-3.0-or-later
// A TLS client in memory: what it sends is taken, what it is to receive is given.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

struct WOLFSSL;
struct WOLFSSL_CTX;
struct WOLFSSL_SESSION;

namespace mailrace::tests {

struct TlsClientOptions {
  bool is_tls13 = true;
  std::string server_name = "mx.example.com";
  std::string suites = {};       // the library's names, empty: all
  int group = 0;                 // the library's number, 0: its own choice
  std::string certificate = {};  // PEM, with its key
  std::string key = {};
  WOLFSSL_SESSION* resumed = nullptr;
  std::string root = {};  // PEM; empty: the server's certificate is not verified
};

class TlsClient {
 public:
  explicit TlsClient(const TlsClientOptions& options = {});
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  /// Goes on with the handshake. returns whether it has ended well
  bool shake_hands();
  bool failed() const { return failed_; }
  void say(std::string_view text);
  /// What the server said, as far as it was received.
  std::string hear();
  void close();
  /// Says that its keys change, and changes them.
  void change_keys();
  /// Whether this library lets us say_record().
  static bool says_records();
  /// Says `content` in one record of TLS 1.3, of any type: 22 is a handshake's.
  void say_record(std::string_view content, int type);

  std::string take_sent() { return std::exchange(sent_, {}); }
  void receive(std::string_view octets) { received_ += octets; }

  /// Whether the server has said that it sends no more.
  bool server_closed() const;
  bool was_resumed() const;
  /// To be freed by free_session().
  WOLFSSL_SESSION* session() const;
  static void free_session(WOLFSSL_SESSION* session);
  /// "SECP256R1", "X25519MLKEM768".
  std::string group() const;
  WOLFSSL* handle() const { return session_; }

 private:
  static int on_read(WOLFSSL*, char* target, int size, void* self);
  static int on_write(WOLFSSL*, char* octets, int size, void* self);

  WOLFSSL_CTX* context_;
  WOLFSSL* session_;
  std::string sent_;
  std::string received_;
  bool failed_ = false;
  bool server_closed_ = false;
};

}  // namespace mailrace::tests
