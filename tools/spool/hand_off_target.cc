// SPDX-License-Identifier: GPL-3.0-or-later
// The order of a hand-off: octets stable, then the name, then the directory; the cursor comes last,
// and elsewhere.
#include "tools/spool/hand_off_target.h"

#include "core/base/limits.h"
#include "net/fd.h"
#include "tools/spool/walk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace mailrace::tools {
namespace {

std::string errno_text(const std::string& path, int error) {
  return path + ": " + std::strerror(error);
}

Complaint sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (synced) return std::nullopt;
  return errno_text(path, error);
}

Complaint sync_parent(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return sync_directory(parent.empty() ? "." : parent);
}

Complaint make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_text(path, errno);
  return sync_parent(path);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

net::Fd open_to_read(const std::string& path) {
  return net::Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

// Octets of a regular file. returns   negative: it is none
int64_t file_bytes(const net::Fd& file) {
  struct stat status {};
  const bool known = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  return known ? int64_t(status.st_size) : -1;
}

bool have_same_octets(const net::Fd& one, const net::Fd& other) {
  const int64_t bytes = file_bytes(one);
  if (bytes < 0 || bytes != file_bytes(other)) return false;
  std::vector<char> first(64 << 10);
  std::vector<char> second(first.size());
  for (int64_t at = 0; at < bytes;) {
    const ssize_t read = ::pread(one.get(), first.data(), first.size(), at);
    if (read <= 0 || ::pread(other.get(), second.data(), size_t(read), at) != read) return false;
    if (!std::equal(first.begin(), first.begin() + read, second.begin())) return false;
    at += read;
  }
  return true;
}

// Whether the octets of one file are in the other, too, and there to stay.
bool is_stable_in(const std::string& path, const std::string& there) {
  const net::Fd theirs = open_to_read(there);
  return theirs.is_open() && have_same_octets(open_to_read(path), theirs) &&
         ::fsync(theirs.get()) == 0;
}

// returns   0, or an errno; EEXIST: the name is taken
int rename_unless_there(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without that flag.
  if (exists(to)) return EEXIST;
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

// --- a file for each mail ------------------------------------------------------------------------

DirectoryHandOff::DirectoryHandOff(std::string path, ExportFormat format, std::string consumer)
    : path_(std::move(path)),
      maildir_(format == ExportFormat::maildir),
      consumer_(std::move(consumer)),
      final_directory_(maildir_ ? path_ + "/new" : path_),
      suffix_(maildir_ ? ".mailrace" : ".eml") {}

Complaint DirectoryHandOff::prepare() {
  if (auto complaint = make_directory(path_)) return complaint;
  if (!maildir_) return std::nullopt;
  for (const char* name : {"/tmp", "/new", "/cur"}) {
    if (auto complaint = make_directory(path_ + name)) return complaint;
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/cur", error)) {
    const std::string name = entry.path().filename().string();
    const size_t flags = std::min(name.find(':'), name.size());
    seen_.emplace(name.substr(0, flags), name.substr(flags));
  }
  if (error) return path_ + "/cur: " + error.message();
  // What was moved here may never have been stable where it came from.
  return sync_directory(path_ + "/cur");
}

Complaint DirectoryHandOff::begin(const spool::StoredMail& mail) {
  const std::string name = maildir_ ? maildir_name(mail) : queue_id(mail.mail_id) + ".eml";
  std::string temporary = path_ + (maildir_ ? "/tmp/" : "/.") + name + "." + consumer_;
  // Twice in a batch: with a place that healed, and as a mail that did.
  while (std::ranges::find(files_, temporary, &File::temporary_path) != files_.end()) {
    temporary += '+';
  }
  files_.push_back({Output::create(temporary), temporary, name.substr(0, name.rfind('.'))});
  return add({});
}

Complaint DirectoryHandOff::add(core::Octets octets) {
  File& file = files_.back();
  file.out.write(core::as_text(octets));
  if (file.out.error() == 0) return std::nullopt;
  return errno_text(file.temporary_path, file.out.error());
}

Complaint DirectoryHandOff::end() {
  File& file = files_.back();
  file.out.begin_sync();
  if (file.out.error() == 0) return std::nullopt;
  return errno_text(file.temporary_path, file.out.error());
}

void DirectoryHandOff::abandon() {
  ::unlink(files_.back().temporary_path.c_str());
  files_.pop_back();
}

// One after the other, each file waits for a commit of the file system's journal; those that wait
// together share it. 256 files of 4 KiB on ext4: 500 ms one by one, 40 ms with these threads.
void DirectoryHandOff::sync_files() {
  std::vector<std::thread> threads;
  const size_t count = std::min(files_.size(), core::kHandOffSyncThreads);
  for (size_t first = 0; first < count; ++first) {
    threads.emplace_back([this, first, count] {
      for (size_t i = first; i < files_.size(); i += count) {
        files_[i].out.sync();
        files_[i].out.close();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The first name that nobody has, or somebody who has this very mail.
Complaint DirectoryHandOff::give_name(const File& file) {
  std::string path;
  for (int i = 1; i <= core::kHandOffNamesMax; ++i) {
    const std::string name = file.stem + (i > 1 ? "." + std::to_string(i) : "") + suffix_;
    const auto seen = seen_.find(name);
    path =
        seen == seen_.end() ? final_directory_ + "/" + name : path_ + "/cur/" + name + seen->second;
    const int error = seen == seen_.end() ? rename_unless_there(file.temporary_path, path) : EEXIST;
    if (error == 0) return std::nullopt;
    if (error != EEXIST) return errno_text(path, error);
    if (!is_stable_in(file.temporary_path, path)) continue;
    if (::unlink(file.temporary_path.c_str()) == 0) return std::nullopt;
    return errno_text(file.temporary_path, errno);
  }
  return errno_text(path, EEXIST);
}

Complaint DirectoryHandOff::sync() {
  sync_files();
  for (const File& file : files_) {
    if (file.out.error() != 0) return errno_text(file.temporary_path, file.out.error());
  }
  for (const File& file : files_) {
    if (auto failed = give_name(file)) return failed;
  }
  files_.clear();
  return sync_directory(final_directory_);
}

// --- a line for each mail ------------------------------------------------------------------------

LineHandOff::LineHandOff(std::string path) : path_(std::move(path)) {}

LineHandOff::~LineHandOff() {
  if (out_ && out_->size() > synced_bytes_) out_->cut(synced_bytes_);
}

Complaint LineHandOff::complaint() const {
  if (out_->error() == 0) return std::nullopt;
  return errno_text(path_, out_->error());
}

Complaint LineHandOff::prepare() {
  const int error = lock_.acquire(path_, FileLock::Kind::try_exclusive);
  if (error == EWOULDBLOCK) return path_ + ": in use by another process";
  if (error != 0) return errno_text(path_, error);
  out_.emplace(Output::append_lines(path_));
  if (auto failed = complaint()) return failed;
  synced_bytes_ = out_->size();
  return sync_parent(path_);
}

Complaint LineHandOff::begin(const spool::StoredMail& mail) {
  // Cut by somebody else while nothing was on its way: nobody misses a line.
  if (out_->size() == synced_bytes_ && out_->was_cut()) {
    out_->note_end();
    synced_bytes_ = out_->size();
  }
  line_begins_at_ = out_->size();
  JsonLine line(text_);
  add_mail(line, mail);
  line.raw("data", "\"");  // left open: end() closes text, object and line
  base64_ = {};
  put();
  return complaint();
}

void LineHandOff::put() {
  out_->write(text_);
  text_.clear();
}

Complaint LineHandOff::add(core::Octets octets) {
  base64_.add(octets, text_);
  put();
  return complaint();
}

Complaint LineHandOff::end() {
  base64_.finish(text_);
  text_ += "\"}\n";
  put();
  return complaint();
}

void LineHandOff::abandon() {
  text_.clear();
  out_->cut(line_begins_at_);
}

// The lines that are not acknowledged yet go where the name leads, which may be a new file.
Complaint LineHandOff::move_to_name() {
  Output old(std::move(*out_));
  out_.reset();
  const uint64_t begin = synced_bytes_;
  Complaint failed = prepare();
  if (!failed) {
    out_->append_from(old, begin);
    failed = complaint();
  }
  old.cut(begin);
  return failed;
}

Complaint LineHandOff::sync() {
  for (int i = 0; i < core::kHandOffNamesMax; ++i) {
    out_->sync();
    if (auto failed = complaint()) return failed;
    if (out_->was_cut()) return path_ + ": cut by somebody else while lines were added";
    if (lock_.is_named(path_)) {
      synced_bytes_ = out_->size();
      return std::nullopt;
    }
    if (auto failed = move_to_name()) return failed;
  }
  return path_ + ": loses its name again and again";
}

}  // namespace mailrace::tools
