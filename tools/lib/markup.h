// SPDX-License-Identifier: GPL-3.0-or-later
// Text in HTML and XML, always well-formed, whatever octets are put in.
#pragma once

#include <string>
#include <string_view>

namespace mailrace::tools {

/// Text for between tags, and for attributes in double quotes, of HTML and of XML. What neither may
/// have, octets that are not UTF-8 and controls but tab and line feed, becomes U+FFFD.
std::string escaped_markup(std::string_view text);

}  // namespace mailrace::tools
