// SPDX-License-Identifier: GPL-3.0-or-later
// Sockets in a spool by which a running server can be reached on its machine.
#pragma once

#include "net/fd.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

namespace mailrace::tools {

/// Listens as SPOOL/NAME, for the server's own user and for root, nobody else; as NAME.new until
/// show() is called, so that one that may still fail takes nobody's place.
class SpoolSocket {
 public:
  SpoolSocket() = default;
  SpoolSocket(const SpoolSocket&) = delete;
  SpoolSocket& operator=(const SpoolSocket&) = delete;
  ~SpoolSocket() { close(); }

  /// spool     as given, of any length; locked: a socket that is there is another server's, which
  ///           is gone
  /// name      lives as long as this
  /// type      SOCK_STREAM or SOCK_SEQPACKET
  /// returns   what failed, with errno set
  const char* listen(const std::string& spool, const char* name, int type, int backlog);

  /// Takes the name, whoever has it. returns   false, with errno: it has not got it
  bool show();

  bool is_open() const noexcept { return socket_.is_open(); }
  int descriptor() const noexcept { return socket_.get(); }

  /// Takes the next one who waits. Does not block. `nobody`: there is none
  /// returns   not open: who waited may not come in
  net::Fd accept(bool& nobody) const;

  /// Takes the socket away, if it is still there, and not another server's.
  void close();

 private:
  net::Fd directory_;
  net::Fd socket_;
  std::string shown_name_;
  std::string name_;  // as of now
  std::pair<dev_t, ino_t> place_;
  uid_t owner_ = 0;
};

/// Connects, without blocking later either. returns   not open: nobody listens, with errno set
net::Fd connect_spool_socket(const std::string& spool, const char* name, int type);

}  // namespace mailrace::tools
