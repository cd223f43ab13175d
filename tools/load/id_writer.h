// SPDX-License-Identifier: GPL-3.0-or-later
// The ids of the messages that a server has taken, as lines of a file.
#pragma once

#include "net/fd.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mailrace::tools {

/// A message that the server has acknowledged.
struct LoadAcknowledged {
  uint64_t number;
  uint64_t size;  // octets, from the id on
  uint32_t crc;
};

/// Appends a line `RUN.NUMBER.CRC SIZE` for each message, a few times a second, on a thread of its
/// own: those who send never wait for a disk.
class LoadIdWriter {
 public:
  LoadIdWriter() = default;
  LoadIdWriter(const LoadIdWriter&) = delete;
  LoadIdWriter& operator=(const LoadIdWriter&) = delete;
  ~LoadIdWriter();

  /// Opens the file, or makes it. returns   false, with errno set
  bool open(const std::string& path);

  /// Takes the messages of one run, and empties `messages`. Any thread. With kLoadIdsWaitingMax of
  /// them waiting, further ones are lost, and close() says so.
  void put(uint64_t run, std::vector<LoadAcknowledged>& messages);

  /// Writes what is left. returns   empty, or what went wrong, in a few words
  std::string close();

 private:
  struct Batch {
    uint64_t run;
    std::vector<LoadAcknowledged> messages;
  };

  void write_until_closed();
  void write(const std::vector<Batch>& batches);

  net::Fd file_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Batch> waiting_;
  size_t waiting_count_ = 0;  // of messages
  uint64_t lost_ = 0;
  bool is_closed_ = false;
  int failure_ = 0;    // errno of the first write that failed; nothing is written behind it
  std::string lines_;  // of the thread
};

}  // namespace mailrace::tools
