// SPDX-License-Identifier: GPL-3.0-or-later
// The log: events of all workers to lines on stdout, by a thread that no worker waits for.
#pragma once

#include "net/event_ring.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace::tools {

enum class LogFormat : uint8_t { json, text };
enum class LogLevel : uint8_t { error, warning, info };

/// A member of a line: a name and a value, text or number.
struct LogField {
  LogField(std::string_view field, std::string_view value) : name(field), text(value) {}
  LogField(std::string_view field, uint64_t value)
      : name(field), text(std::to_string(value)), is_number(true) {}

  std::string_view name;
  std::string text;
  bool is_number = false;
};

/// Writes one event as a line of `format`, with its end.
void add_event_line(std::string& target, const net::Event& event, LogFormat format);

class Log {
 public:
  /// level   what is less important is left out
  Log(LogFormat format, LogLevel level) : format_(format), level_(level) {}
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log() { stop(); }

  /// A ring for a worker, to be drained from start() to stop(). Before start() only.
  net::EventRing* make_ring();

  void start();
  /// Writes what is left and ends the thread.
  void stop();

  /// From now on. Any thread.
  void set_level(LogLevel level) noexcept { level_ = level; }

  /// A line of the program itself, at once. Any thread.
  /// returns   false if nobody took it
  bool line(LogLevel level, std::string_view event, const std::vector<LogField>& fields = {});

 private:
  void run();
  size_t drain();
  size_t write(std::string_view lines);

  LogFormat format_;
  std::atomic<LogLevel> level_;
  std::vector<std::unique_ptr<net::EventRing>> rings_;
  std::vector<uint64_t> dropped_said_;
  std::string buffer_;
  std::mutex output_;
  bool reader_sleeps_ = false;  // under output_
  uint64_t unread_ = 0;         // lines that nobody took off our hands, not yet told
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace mailrace::tools
