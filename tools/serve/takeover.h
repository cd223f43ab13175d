// SPDX-License-Identifier: GPL-3.0-or-later
// How a server takes the place of another one on the same spool, without a moment between them.
#pragma once

#include "core/base/time.h"
#include "net/fd.h"
#include "tools/lib/spool_socket.h"

#include <tl/expected.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace mailrace::tools {

/// The socket in a spool where a running server gives away what it has. One message with a
/// TakeoverOffer and the descriptor of the spool's lock, then messages with those of listening
/// sockets. The successor says an octet when it takes mail; until then nothing has happened. The
/// server answers with one: that it leaves, or that it has waited for too long. The end of the
/// stream says that it is gone.
inline constexpr const char* kTakeoverSocketName = "takeover.socket";

/// What a successor has to know. Both write to the spool for a while, each to directories of
/// workers of its own.
struct TakeoverOffer {
  static constexpr uint64_t kMagic = 0x31454b4154524c4d;  // "MLRTAKE1"
  uint64_t magic = kMagic;
  uint64_t salt = 0;  // of the spool
  uint32_t first_worker = 0;
  uint32_t workers = 0;
  uint32_t listeners = 0;
};

/// The side of the server that runs.
class TakeoverService {
 public:
  struct Giving {
    TakeoverOffer offer;
    int lock = -1;
    std::vector<int> listeners;
  };
  /// Called on the thread.
  struct Events {
    std::function<std::optional<Giving>()> offer;  // somebody wants it all; nothing: not now
    std::function<void()> withdrawn;  // he has gone, and we go on as if he had never been there
    std::function<void()> taken;      // he takes mail: leave
    std::function<void()> gone;       // and now he has gone as well: others must be able to come
  };

  TakeoverService() = default;
  TakeoverService(const TakeoverService&) = delete;
  TakeoverService& operator=(const TakeoverService&) = delete;
  ~TakeoverService() { stop(); }

  /// returns   why there will be none
  std::optional<std::string> open(const std::string& spool);
  void start(Events events);
  /// From now on it is this server that is asked to leave.
  /// returns   false: it cannot be
  bool show() { return socket_.show(); }
  /// The successor hears of our end when this is destroyed.
  void stop();

 private:
  void run();
  void offer_to(net::Fd successor, core::Instant now);
  void hear_successor();
  void withdraw();

  SpoolSocket socket_;
  net::Fd wake_;
  Events events_;
  net::Fd successor_;
  core::Instant deadline_{};
  bool taken_ = false;
  std::thread thread_;
};

/// The side of the server that comes.
class Predecessor {
 public:
  /// Waits for one that cannot give way yet, but not for ever.
  /// returns   nothing: no server runs on the spool; or what is wrong, in one line
  static tl::expected<std::optional<Predecessor>, std::string> find(const std::string& spool);

  const TakeoverOffer& offer() const noexcept { return offer_; }
  net::Fd take_lock() noexcept { return std::move(lock_); }
  std::vector<net::Fd>& listeners() noexcept { return listeners_; }

  enum class Answer { leaves, is_gone, stays };
  /// We take mail: it may leave.
  Answer say_taken() const;

 private:
  bool receive_offer();

  net::Fd socket_;
  net::Fd lock_;
  TakeoverOffer offer_;
  std::vector<net::Fd> listeners_;
};

}  // namespace mailrace::tools
