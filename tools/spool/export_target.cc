// SPDX-License-Identifier: GPL-3.0-or-later
// Memory holds one piece of a mail at a time, whatever its size.
#include "tools/spool/export_target.h"

#include "tools/spool/walk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string errno_text(const std::string& path, int error) {
  return path + ": " + std::strerror(error);
}

Complaint make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return std::nullopt;
  return errno_text(path, errno);
}

Complaint sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (synced) return std::nullopt;
  return errno_text(path, error);
}

}  // namespace

std::string maildir_name(const spool::StoredMail& mail) {
  const int64_t seconds = mail.envelope.received_at.ns / kNanosecondsPerSecond;
  return std::to_string(seconds) + "." + queue_id(mail.mail_id) + ".mailrace";
}

StreamExport::StreamExport(const std::string& path, ExportFormat format)
    : path_(path == "-" ? "stdout" : path),
      out_(path == "-" ? Output::standard() : Output::create(path)),
      mbox_(format == ExportFormat::mbox) {}

Complaint StreamExport::complaint() const {
  if (out_.error() == 0) return std::nullopt;
  return errno_text(path_, out_.error());
}

void StreamExport::put() {
  out_.write(text_);
  text_.clear();
}

Complaint StreamExport::begin(const spool::StoredMail& mail) {
  if (mbox_) {
    encoder_.begin(mail, text_);
  } else {
    JsonLine line(text_);
    add_mail(line, mail);
    line.raw("data", "\"");  // left open: end() closes text, object and line
    base64_ = {};
  }
  put();
  return complaint();
}

Complaint StreamExport::add(core::Octets octets) {
  mbox_ ? encoder_.add(octets, text_) : base64_.add(octets, text_);
  put();
  return complaint();
}

Complaint StreamExport::end() {
  if (mbox_) {
    encoder_.finish(text_);
  } else {
    base64_.finish(text_);
    text_ += "\"}\n";
  }
  put();
  return complaint();
}

Complaint StreamExport::finish() {
  out_.close();
  return complaint();
}

DirectoryExport::DirectoryExport(std::string path, ExportFormat format)
    : path_(std::move(path)), maildir_(format == ExportFormat::maildir) {}

Complaint DirectoryExport::prepare() {
  if (auto complaint = make_directory(path_)) return complaint;
  if (!maildir_) return std::nullopt;
  for (const char* name : {"/tmp", "/new", "/cur"}) {
    if (auto complaint = make_directory(path_ + name)) return complaint;
  }
  return std::nullopt;
}

Complaint DirectoryExport::begin(const spool::StoredMail& mail) {
  if (maildir_) {
    const std::string name = maildir_name(mail);
    temporary_path_ = path_ + "/tmp/" + name;
    final_path_ = path_ + "/new/" + name;
  } else {
    final_path_ = path_ + "/" + queue_id(mail.mail_id) + ".eml";
    temporary_path_ = final_path_ + ".part";
  }
  out_.emplace(Output::create(temporary_path_));
  return add({});
}

Complaint DirectoryExport::add(core::Octets octets) {
  out_->write(core::as_text(octets));
  if (out_->error() == 0) return std::nullopt;
  return errno_text(temporary_path_, out_->error());
}

Complaint DirectoryExport::end() {
  out_->sync();
  out_->close();
  if (out_->error() != 0) return errno_text(temporary_path_, out_->error());
  if (std::rename(temporary_path_.c_str(), final_path_.c_str()) != 0) {
    return errno_text(final_path_, errno);
  }
  return std::nullopt;
}

Complaint DirectoryExport::abandon() {
  out_.reset();
  ::unlink(temporary_path_.c_str());
  return std::nullopt;
}

Complaint DirectoryExport::finish() { return sync_directory(maildir_ ? path_ + "/new" : path_); }

}  // namespace mailrace::tools
