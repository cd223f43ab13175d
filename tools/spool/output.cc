// SPDX-License-Identifier: GPL-3.0-or-later
// write(2) until all is out.
#include "tools/spool/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

// Where the last whole line ends. returns  negative: errno says why not
int64_t end_of_lines(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return -1;
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return -1;
  }
  std::array<char, 64 << 10> octets;
  for (int64_t end = status.st_size; end > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - int64_t(octets.size()));
    const ssize_t read = ::pread(fd, octets.data(), size_t(end - begin), begin);
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return -1;
    const size_t at = std::string_view(octets.data(), size_t(read)).rfind('\n');
    if (at != std::string_view::npos) return begin + int64_t(at) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

Output Output::append_lines(const std::string& path) {
  const int flags = O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Output output(::open(path.c_str(), flags, 0600), true);
  const int64_t end = output.fd_ < 0 ? -1 : end_of_lines(output.fd_);
  if (end < 0 || ::ftruncate(output.fd_, end) != 0) output.error_ = errno;
  output.file_bytes_ = uint64_t(std::max<int64_t>(end, 0));
  return output;
}

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
      file_bytes_(other.file_bytes_),
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
    file_bytes_ += uint64_t(written);
  }
}

void Output::begin_sync() {
  flush();
  buffer_.shrink_to_fit();
  // Allocates what the file system put off, so that the first fsync commits all of it.
  if (error_ == 0) ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
}

void Output::sync() {
  flush();
  if (error_ == 0 && ::fsync(fd_) != 0) error_ = errno;
}

bool Output::was_cut() const {
  struct stat status {};
  return ::fstat(fd_, &status) == 0 && uint64_t(status.st_size) < file_bytes_;
}

void Output::cut(uint64_t bytes) {
  if (bytes >= file_bytes_) return buffer_.resize(size_t(std::min(bytes, size()) - file_bytes_));
  buffer_.clear();
  // Of a file that is shorter nobody knows what is whose, and this would make it longer.
  const int error = was_cut() ? ESTALE : ::ftruncate(fd_, off_t(bytes)) == 0 ? 0 : errno;
  if (error == 0) {
    file_bytes_ = bytes;
  } else if (error_ == 0) {
    error_ = error;
  }
}

void Output::note_end() {
  struct stat status {};
  if (::fstat(fd_, &status) == 0) file_bytes_ = uint64_t(status.st_size);
}

void Output::append_from(Output& other, uint64_t begin) {
  other.flush();
  std::vector<char> octets(kBufferBytes);
  for (uint64_t at = begin; at < other.file_bytes_ && error_ == 0;) {
    const ssize_t read = ::pread(other.fd_, octets.data(), octets.size(), off_t(at));
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) {
      error_ = read < 0 ? errno : ESTALE;
      return;
    }
    write({octets.data(), size_t(read)});
    at += uint64_t(read);
  }
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
