// SPDX-License-Identifier: GPL-3.0-or-later
// The thread that tells who asks how the server is: by the spool's socket, and to Prometheus.
#pragma once

#include "net/fd.h"
#include "tools/lib/spool_socket.h"
#include "tools/lib/text_server.h"
#include "tools/serve/server_status.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace mailrace::tools {

/// The socket in a spool where a running server is asked: a line "text", "json", "line" or
/// "metrics", and the answer until the end of the stream.
inline constexpr const char* kStatusSocketName = "status.socket";

class StatusService {
 public:
  StatusService() = default;
  StatusService(const StatusService&) = delete;
  StatusService& operator=(const StatusService&) = delete;
  ~StatusService() { stop(); }

  /// Opens the listener of --metrics-listen. While the process may still bind any port.
  /// returns   what is wrong, in one line
  /// joins   another server has it as well, and will leave
  std::optional<std::string> open_metrics(const std::string& address, bool joins);
  /// Opens the spool's socket. spool   locked. returns   why it cannot be had
  std::optional<std::string> open_socket(const std::string& spool);

  /// sources   what they lead to outlives the thread
  /// every_second   is called on the thread about once a second; may be empty
  void start(StatusSources sources, std::function<void(const StatusSources&)> every_second);
  /// From now on it is this server that is asked.
  /// returns   false: it cannot be
  bool show() { return socket_.show(); }
  /// Whoever takes our place is whom Prometheus asks from now on. Any thread.
  void leave() noexcept { leaving_.store(true, std::memory_order_relaxed); }
  void stop();

 private:
  void run();
  std::string answer(std::string_view question) const;

  SpoolSocket socket_;
  net::Fd metrics_;
  net::Fd wake_;
  TextServer server_;
  StatusSources sources_;
  std::function<void(const StatusSources&)> every_second_;
  std::atomic<bool> leaving_{false};
  std::thread thread_;
};

}  // namespace mailrace::tools
