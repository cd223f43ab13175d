// SPDX-License-Identifier: GPL-3.0-or-later
// Mails as entries of an mbox file.
#pragma once

#include "core/base/bytes.h"
#include "spool/mail_reader.h"

#include <string>
#include <string_view>

namespace mailrace::tools {

/// Writes mail data that comes in pieces as the mboxrd variant of mbox: lines end with LF instead
/// of CRLF; a line of any number of `>` and then `From ` gets one more `>`, so that readers can
/// take it away again; a last line without end gets one; an empty line ends the entry. However the
/// data is split, the text is the same.
/// source   RFC 4155 appendix A; the mboxrd rule of qmail's mbox(5)
class MboxEncoder {
 public:
  /// Appends the line that begins an entry: `From SENDER Tue Nov 24 01:48:26 2026`, in UTC.
  void begin(const spool::StoredMail& mail, std::string& target);
  void add(core::Octets octets, std::string& target);
  void finish(std::string& target);

 private:
  void add_octet(char c, std::string& target);

  bool line_empty_ = true;  // nothing since the line began
  bool line_start_ = true;  // nothing but `>` since the line began
  size_t matched_ = 0;      // octets of "From " that are held back
  bool cr_ = false;         // a CR that is held back
};

/// The sender in the line that begins an entry: without spaces, MAILER-DAEMON for the null
/// reverse-path.
std::string mbox_sender(std::string_view reverse_path);

}  // namespace mailrace::tools
