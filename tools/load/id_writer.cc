// SPDX-License-Identifier: GPL-3.0-or-later
// The lock is held to hand vectors over, never for a write.
#include "tools/load/id_writer.h"

#include "core/base/limits.h"
#include "tools/load/mail.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr std::chrono::milliseconds kInterval(250);

}  // namespace

LoadIdWriter::~LoadIdWriter() { (void)close(); }

bool LoadIdWriter::open(const std::string& path) {
  file_ = net::Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!file_.is_open()) return false;
  thread_ = std::thread([this] { write_until_closed(); });
  return true;
}

void LoadIdWriter::put(uint64_t run, std::vector<LoadAcknowledged>& messages) {
  if (messages.empty()) return;
  std::vector<LoadAcknowledged> taken = std::exchange(messages, {});
  const std::lock_guard lock(mutex_);
  if (waiting_count_ + taken.size() > core::kLoadIdsWaitingMax) {
    lost_ += taken.size();
    return;
  }
  waiting_count_ += taken.size();
  waiting_.push_back({run, std::move(taken)});
}

std::string LoadIdWriter::close() {
  if (!thread_.joinable()) return {};
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  changed_.notify_one();
  thread_.join();
  if (failure_ != 0) return std::strerror(failure_);
  if (lost_ > 0) return std::to_string(lost_) + " ids came faster than they could be written";
  return {};
}

void LoadIdWriter::write_until_closed() {
  for (bool last = false; !last;) {
    std::vector<Batch> batches;
    {
      std::unique_lock lock(mutex_);
      last = changed_.wait_for(lock, kInterval, [this] { return is_closed_; });
      batches.swap(waiting_);
      waiting_count_ = 0;
    }
    write(batches);
  }
}

void LoadIdWriter::write(const std::vector<Batch>& batches) {
  for (const Batch& batch : batches) {
    lines_.clear();
    for (const LoadAcknowledged& message : batch.messages) {
      lines_ += LoadMail::id(batch.run, message.number, message.crc);
      lines_ += ' ';
      lines_ += std::to_string(message.size);
      lines_ += '\n';
    }
    for (std::string_view rest = lines_; !rest.empty() && failure_ == 0;) {
      const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
      if (written >= 0) {
        rest.remove_prefix(size_t(written));
      } else if (errno != EINTR) {
        failure_ = errno;
      }
    }
  }
}

}  // namespace mailrace::tools
