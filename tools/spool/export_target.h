// SPDX-License-Identifier: GPL-3.0-or-later
// Where exported mails go, format by format.
#pragma once

#include "core/base/bytes.h"
#include "spool/mail_reader.h"
#include "tools/spool/base64.h"
#include "tools/spool/mbox.h"
#include "tools/spool/output.h"

#include <optional>
#include <string>
#include <variant>

namespace mailrace::tools {

enum class ExportFormat : uint8_t { eml, mbox, maildir, jsonl };

/// Name of a mail's file in a maildir: `SECONDS.QUEUEID.mailrace`. The queue id is unique in its
/// spool, so a repeat gives the same name; the seconds it was received at are what readers of
/// maildir sort by.
std::string maildir_name(const spool::StoredMail& mail);

/// What went wrong, for one line on stderr; nothing if all is well.
using Complaint = std::optional<std::string>;

/// All mails in one stream: mbox, see MboxEncoder; or jsonl, an object on a line for each mail as
/// add_mail() writes it, with `data`, the stored octets in base64.
class StreamExport {
 public:
  /// path   of the file, or "-" for stdout
  StreamExport(const std::string& path, ExportFormat format);

  Complaint begin(const spool::StoredMail& mail);
  Complaint add(core::Octets octets);
  Complaint end();
  /// Of what is in the stream nothing can be taken back.
  Complaint abandon() { return path_ + ": ends within a mail"; }
  Complaint finish();

 private:
  Complaint complaint() const;
  void put();

  std::string path_;
  Output out_;
  bool mbox_;
  MboxEncoder encoder_;
  Base64Encoder base64_;
  std::string text_;  // made from the octets at hand
};

/// A file for each mail with exactly the stored octets: QUEUEID.eml in a directory, or a maildir
/// (tmp, new, cur). Written under another name (in tmp), synced, renamed. The directories are made
/// if they are not there; a file of the same name is replaced.
/// source   https://cr.yp.to/proto/maildir.html
class DirectoryExport {
 public:
  DirectoryExport(std::string path, ExportFormat format);

  /// Makes the directories.
  Complaint prepare();
  Complaint begin(const spool::StoredMail& mail);
  Complaint add(core::Octets octets);
  Complaint end();
  /// Removes what there is of the mail begun last.
  Complaint abandon();
  Complaint finish();

 private:
  std::string path_;
  bool maildir_;
  std::string temporary_path_;
  std::string final_path_;
  std::optional<Output> out_;
};

using ExportTarget = std::variant<StreamExport, DirectoryExport>;

}  // namespace mailrace::tools
