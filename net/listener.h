// SPDX-License-Identifier: GPL-3.0-or-later
// A listening socket of one worker; the kernel spreads connections over those with the same
// address.
#pragma once

#include "core/base/ip.h"
#include "core/base/result.h"
#include "core/smtp/envelope.h"
#include "net/fd.h"
#include "net/ring.h"

#include <cstdint>

namespace mailrace::net {

/// With whom a listening socket shares its address.
enum class Sharing : uint8_t {
  first,   // with nobody who was there before, with those who come with `joined` later
  joined,  // with every socket of this user that has SO_REUSEPORT
};

/// How connections at an address come under TLS.
enum class ListenerTls : uint8_t {
  offered,   // by STARTTLS, if the server has a certificate
  required,  // the same, and no mail is taken before
  implicit,  // they begin with it
};

/// What holds for all connections that come in at one address.
struct ListenerOptions {
  core::Durability durability = core::Durability::disk;  // what a 250 promises there
  ListenerTls tls = ListenerTls::offered;                // the others need a certificate
};

/// A socket of open_listener() with the options of its address.
struct ListeningSocket {
  Fd socket;
  ListenerOptions options;
};

/// Opens a listening TCP socket. The first one of a server takes the address, the others join it:
/// otherwise two servers would share one in silence, and each get a part of the mail.
/// endpoint  port 0: any free one, see local_endpoint()
/// fails     io: the address is in use, not ours, or not allowed
core::Result<Fd> open_listener(const core::Endpoint& endpoint, Sharing sharing = Sharing::joined);

/// Where a socket is bound.
core::Result<core::Endpoint> local_endpoint(const Fd& socket);

/// How much a listener accepts.
enum class AcceptPace : uint8_t {
  all,
  few,  // kSlowAccepts for each go_on(); the others wait in the kernel
};

/// Accepts on one socket, again and again: by multishot accept, or one by one if few are to come.
class Listener {
 public:
  explicit Listener(ListeningSocket socket) noexcept;

  /// Arms the accept unless it is armed, paused or stopped. index   of this listener, for the token
  void accept(Ring& ring, uint32_t index, AcceptPace pace = AcceptPace::all) noexcept;
  /// To be called with each completion of Op::accept. After one that failed the listener pauses:
  /// the next would fail at once as well, and again, as long as descriptors or memory are short.
  void on_accept(const io_uring_cqe& cqe) noexcept;
  /// Ends a pause, and lets a few more come.
  void go_on() noexcept;
  /// What is armed ends, and the next accept() begins with a look at who waits. For a socket at
  /// which another process accepts as well: the kernel wakes one of the two (io_uring waits for
  /// accepts exclusively), and if that one leaves or is killed before it has looked, the other one
  /// never hears of that client.
  void look_again(Ring& ring, uint32_t index) noexcept;
  /// Stops accepting and closes the socket once the kernel let go of it.
  void stop(Ring& ring, uint32_t index) noexcept;
  bool armed() const noexcept { return armed_ || singles_ > 0; }
  bool paused() const noexcept { return paused_; }
  /// Size of the socket address of a peer that came in here.
  int peer_name_bytes() const noexcept { return peer_name_bytes_; }
  const ListenerOptions& options() const noexcept { return options_; }

 private:
  void arm(Ring& ring, uint32_t index, bool multishot) noexcept;
  void cancel_multishot(Ring& ring, uint32_t index) noexcept;
  void cancel_singles(Ring& ring, uint32_t index) noexcept;
  void close_if_stopped() noexcept;

  Fd socket_;
  ListenerOptions options_;
  int peer_name_bytes_;
  bool armed_ = false;      // the multishot accept
  bool cancelled_ = false;  // it is being ended
  uint32_t singles_ = 0;    // accepts of one connection that are armed
  uint32_t allowance_ = 0;  // of such, until the next go_on()
  bool paused_ = false;
  bool stopped_ = false;
};

}  // namespace mailrace::net
