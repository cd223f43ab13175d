// SPDX-License-Identifier: GPL-3.0-or-later
// write(2) until all is out.
#include "tools/spool/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

}  // namespace

Output Output::create(const std::string& path) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
  Output output(::open(path.c_str(), flags, 0600), true);
  if (output.fd_ < 0) output.error_ = errno;
  return output;
}

Output::Output(Output&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      owned_(other.owned_),
      error_(other.error_),
      buffer_(std::move(other.buffer_)) {
  other.buffer_.clear();
}

Output::~Output() { close(); }

void Output::write(std::string_view text) {
  if (buffer_.size() + text.size() > kBufferBytes) flush();
  if (text.size() >= kBufferBytes) return write_all(text);
  buffer_ += text;
}

void Output::flush() {
  write_all(buffer_);
  buffer_.clear();
}

void Output::write_all(std::string_view text) {
  while (!text.empty() && error_ == 0) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      error_ = errno;
      return;
    }
    text.remove_prefix(size_t(written));
  }
}

void Output::sync() {
  flush();
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
}

void Output::close() {
  if (fd_ < 0) return;
  flush();
  if (owned_ && ::close(fd_) != 0 && error_ == 0) error_ = errno;
  fd_ = -1;
}

bool Output::is_terminal() const { return ::isatty(fd_) == 1; }

void complain(std::string_view what) {
  std::fprintf(stderr, "mailrace spool: %.*s\n", int(what.size()), what.data());
}

void complain_errno(std::string_view what, int error) {
  complain(std::string(what) + ": " + std::strerror(error));
}

}  // namespace mailrace::tools
