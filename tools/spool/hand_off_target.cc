// SPDX-License-Identifier: GPL-3.0-or-later
// The order of a hand-off: octets stable, then the name, then the directory; the cursor comes last,
// and elsewhere.
#include "tools/spool/hand_off_target.h"

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

// So often a name is tried that somebody else has taken, or taken away.
constexpr int kNamesMax = 100;

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

int sync_file(const std::string& path) {
  const net::Fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file.is_open() && ::fsync(file.get()) == 0 ? 0 : errno;
}

// returns   0, or an errno; an existing target is none: it is the same mail
int rename_unless_there(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno == EEXIST) {
    if (const int error = sync_file(to)) return error;
    return ::unlink(from.c_str()) == 0 ? 0 : errno;
  }
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system without that flag: whoever else has this name writes the same octets.
  return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

}  // namespace

// --- a file for each mail ------------------------------------------------------------------------

DirectoryHandOff::DirectoryHandOff(std::string path, ExportFormat format, std::string consumer)
    : path_(std::move(path)),
      maildir_(format == ExportFormat::maildir),
      consumer_(std::move(consumer)),
      final_directory_(maildir_ ? path_ + "/new" : path_) {}

Complaint DirectoryHandOff::prepare() {
  if (auto complaint = make_directory(path_)) return complaint;
  if (!maildir_) return std::nullopt;
  for (const char* name : {"/tmp", "/new", "/cur"}) {
    if (auto complaint = make_directory(path_ + name)) return complaint;
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/cur", error)) {
    const std::string name = entry.path().filename().string();
    seen_.insert(name.substr(0, name.find(':')));
  }
  if (error) return path_ + "/cur: " + error.message();
  // What was moved here may never have been stable where it came from.
  return sync_directory(path_ + "/cur");
}

std::string DirectoryHandOff::name_of(const spool::StoredMail& mail) const {
  return maildir_ ? maildir_name(mail) : queue_id(mail.mail_id) + ".eml";
}

bool DirectoryHandOff::has(const spool::StoredMail& mail) const {
  if (!maildir_) return false;
  const std::string name = name_of(mail);
  return seen_.contains(name) || exists(final_directory_ + "/" + name);
}

Complaint DirectoryHandOff::begin(const spool::StoredMail& mail) {
  const std::string name = name_of(mail);
  const std::string temporary = path_ + (maildir_ ? "/tmp/" : "/.") + name + "." + consumer_;
  files_.push_back({Output::create(temporary), temporary, final_directory_ + "/" + name});
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

Complaint DirectoryHandOff::sync() {
  sync_files();
  for (const File& file : files_) {
    if (file.out.error() != 0) return errno_text(file.temporary_path, file.out.error());
  }
  for (const File& file : files_) {
    if (const int error = rename_unless_there(file.temporary_path, file.final_path)) {
      return errno_text(file.final_path, error);
    }
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
  for (int i = 0; i < kNamesMax; ++i) {
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
