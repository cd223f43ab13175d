// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool list`: written as the walk goes, so columns have widths that fit most mails.
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_values.h"
#include "tools/lib/flags.h"
#include "tools/spool/commands.h"
#include "tools/spool/output.h"
#include "tools/spool/walk.h"

#include <string>
#include <string_view>

namespace mailrace::tools {
namespace {

constexpr size_t kSizeWidth = 9;
constexpr size_t kPathWidth = 32;

struct ListFlags {
  std::string directory;
  bool json = false;
  bool all = false;
};

std::string padded_left(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string padded_right(const std::string& text, size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

// Columns for people, tabs for programs.
std::string mail_line(const spool::StoredMail& mail, std::string_view mark, bool aligned) {
  const auto& envelope = mail.envelope;
  const std::string reverse_path = "<" + printable(envelope.reverse_path) + ">";
  const std::string size = std::to_string(mail.data_bytes);
  std::string recipients = "<" + printable(envelope.recipients.front().forward_path) + ">";
  const std::string count = std::to_string(envelope.recipients.size());
  const std::string id = queue_id(mail.mail_id);
  const std::string received_at = timestamp(envelope.received_at);
  if (!aligned) {
    if (!mark.empty()) recipients += "\t" + std::string(mark);
    return id + '\t' + received_at + '\t' + size + '\t' + reverse_path + '\t' + count + '\t' +
           recipients + '\n';
  }
  if (count != "1")
    recipients += " and " + std::to_string(envelope.recipients.size() - 1) + " more";
  if (!mark.empty()) recipients += "  (" + std::string(mark) + ")";
  return id + "  " + received_at + "  " + padded_left(size, kSizeWidth) + "  " +
         padded_right(reverse_path, kPathWidth) + "  " + recipients + '\n';
}

std::string mail_json(const spool::StoredMail& mail, std::string_view mark) {
  std::string text;
  JsonLine line(text);
  add_mail(line, mail);
  if (!mark.empty()) line.raw(mark, "true");
  line.end();
  return text;
}

}  // namespace

int spool_list(int argc, char** argv) {
  ListFlags flags;
  const Flag rows[] = {
      required(positional(text_flag("DIR", &flags.directory, "DIR", "the spool"))),
      switch_flag("json", &flags.json, "JSON Lines: an object for each mail, without its data"),
      switch_flag("all", &flags.all, "deleted mails, too"),
  };
  const ParseOutcome parsed =
      parse_flags("spool list", "lists the mails of a spool", rows, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;

  Output out = Output::standard();
  const bool terminal = out.is_terminal();
  SpoolWalk walk(flags.directory, /*quiet=*/terminal);
  if (!walk.open()) return kExitUsage;
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    const spool::MailMark mark = walk.mark(mail.mail_id);
    if (mark.deleted && !flags.all) return true;
    out.write(flags.json ? mail_json(mail, mark_name(mark))
                         : mail_line(mail, mark_name(mark), terminal));
    if (terminal) out.flush();
    return out.error() == 0;
  };
  if (!walk.run(std::move(visit))) return kExitUsage;
  out.flush();
  walk.mention_faults();
  if (out.error() != 0) {
    complain_errno("stdout", out.error());
    return kExitFailure;
  }
  return kExitOk;
}

}  // namespace mailrace::tools
