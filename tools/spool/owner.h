// SPDX-License-Identifier: GPL-3.0-or-later
// Whoever writes into a spool must be whom it belongs to.
#pragma once

#include <string>

namespace mailrace::tools {

/// Whether the directory belongs to the user who runs this; if not, a line on stderr says so. Files
/// that root makes, a server or a consumer that runs as somebody else could not open.
bool is_owner(const std::string& directory);

}  // namespace mailrace::tools
