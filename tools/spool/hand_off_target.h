// SPDX-License-Identifier: GPL-3.0-or-later
// Where a consumer hands mails off to: what is there after sync() is there to stay, under a name
// that tells a mail handed off twice.
#pragma once

#include "core/base/bytes.h"
#include "spool/mail_reader.h"
#include "tools/lib/file_lock.h"
#include "tools/spool/base64.h"
#include "tools/spool/export_target.h"
#include "tools/spool/output.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace mailrace::tools {

/// A file for each mail in a maildir (tmp, new, cur), or QUEUEID.eml in a directory. Written under
/// another name; sync() makes the octets of all files stable, then renames them, then makes the
/// names stable. A name that is there already, with the same octets, is a mail that was handed off
/// before: it is left as it is. With other octets it is another spool's mail, or what was never
/// stable: that stays as well, and ours gets the next name, with ".2" behind the queue id.
/// source   https://cr.yp.to/proto/maildir.html
class DirectoryHandOff {
 public:
  /// consumer   goes into the temporary names: what a crash leaves is written over by the same one
  DirectoryHandOff(std::string path, ExportFormat format, std::string consumer);

  /// Makes the directories, and looks what is in cur, where readers of a maildir move mails to and
  /// add flags. That is known until note_caught_up(): a crash repeats only mails that were not
  /// acknowledged.
  Complaint prepare();

  Complaint begin(const spool::StoredMail& mail);
  Complaint add(core::Octets octets);
  Complaint end();
  /// Removes what there is of the mail begun last.
  void abandon();
  Complaint sync();
  /// All that a crash could repeat was handed off.
  void note_caught_up() { seen_ = {}; }

 private:
  struct File {
    Output out;
    std::string temporary_path;
    std::string stem;  // of the name, up to the queue id
  };

  void sync_files();
  Complaint give_name(const File& file);

  std::string path_;
  bool maildir_;
  std::string consumer_;
  std::string final_directory_;
  std::string suffix_;                                 // of all names
  std::unordered_map<std::string, std::string> seen_;  // names in cur without flags: flags
  std::vector<File> files_;  // since the last sync; the last one may be open still
};

/// A line of JSON for each mail, appended to a regular file, see StreamExport. A line without end,
/// which a crash leaves, is cut off first. A mail handed off twice is there twice, with the same
/// `id`. Lines that no sync() has covered are cut off in the end: they come again. Whoever gives
/// the file another name, or removes it, has the lines that were synced before; those that were not
/// go to a new file of the name.
class LineHandOff {
 public:
  explicit LineHandOff(std::string path);
  ~LineHandOff();

  Complaint prepare();
  Complaint begin(const spool::StoredMail& mail);
  Complaint add(core::Octets octets);
  Complaint end();
  /// Cuts off what there is of the line.
  void abandon();
  Complaint sync();
  void note_caught_up() {}

 private:
  Complaint complaint() const;
  void put();
  Complaint move_to_name();

  std::string path_;
  FileLock lock_;
  std::optional<Output> out_;
  Base64Encoder base64_;
  uint64_t line_begins_at_ = 0;
  uint64_t synced_bytes_ = 0;
  std::string text_;  // made from the octets at hand
};

using HandOffTarget = std::variant<DirectoryHandOff, LineHandOff>;

}  // namespace mailrace::tools
