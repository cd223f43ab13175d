// SPDX-License-Identifier: GPL-3.0-or-later
// Shares what the workers wrote last with consumers on the same machine.
#pragma once

#include "core/base/limits.h"
#include "net/fd.h"
#include "spool/shared_tail.h"
#include "tools/lib/shared_tails.h"
#include "tools/lib/spool_socket.h"
#include "tools/serve/recover_spool.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Memory for all workers, and the socket in the spool where it can be had; see shared_tails.h. As
/// long as nobody is connected, workers copy nothing and the memory is given back. Without it
/// consumers ask the disk.
class TailService {
 public:
  /// spool     as given; must be locked
  /// returns   why there will be none, in one line
  std::optional<std::string> open(const std::string& spool, WorkerRange workers);
  /// From now on consumers come.
  /// returns   false: it cannot be
  bool show() { return socket_.show(); }

  /// worker    its number
  /// returns   nothing if it is not open
  spool::TailWriter* writer(uint32_t worker) noexcept;

  /// Lets in who waits, and forgets who has gone. To be called about once a second, by one thread.
  ///
  /// is_ours   whether the spool is; if not, another server may write to it, and nobody is to
  ///           rely on what ours wrote last
  void look(bool is_ours);

  /// Takes the socket away, if it is still there, and not another server's.
  void close();

 private:
  void let_in(net::Fd reader);
  void forget_gone();
  void give_memory_back();

  net::Fd memory_;
  SpoolSocket socket_;
  SharedMapping mapping_;
  std::vector<std::unique_ptr<spool::TailWriter>> writers_;
  uint32_t first_worker_ = 0;
  std::vector<net::Fd> readers_;
  uint32_t looks_unread_ = core::kTailLooksUnreadMax;
};

}  // namespace mailrace::tools
