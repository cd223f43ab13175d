// SPDX-License-Identifier: GPL-3.0-or-later
// Real mails from a folder, as they are to be sent.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// The text with CRLF behind each line, the last one too: CR, LF and CRLF end a line.
std::string with_line_ends(std::string_view text);

/// The text as it goes over the wire behind DATA, without the line that ends it: a dot more where a
/// line begins with one. text   whole lines with CRLF
///
/// source   RFC 5321 section 4.5.2
std::string dot_stuffed(std::string_view text);

/// Reads the files *.eml of a folder, none of those below it, in the order of their names; each
/// with_line_ends().
///
/// returns   at least one mail
/// fails     with a few words: no such file, more than kLoadMailFilesMax files or
///           kLoadMailFolderBytesMax octets, none at all, and what cannot be read
tl::expected<std::vector<std::string>, std::string> read_mail_folder(const std::string& path);

}  // namespace mailrace::tools
