// SPDX-License-Identifier: GPL-3.0-or-later
// The files of --allow-list and --block-list.
#pragma once

#include "core/policy/client_lists.h"

#include <tl/expected.hpp>

#include <memory>
#include <string>
#include <vector>

namespace mailrace::tools {

/// Reads all files, each as parse_network_list() has it. Blocks.
///
/// returns   nullptr if there are no files
/// fails     with one line: FILE:LINE:COLUMN and what is wrong there, or why it cannot be read
tl::expected<std::shared_ptr<const core::ClientLists>, std::string> read_client_lists(
    const std::vector<std::string>& allow, const std::vector<std::string>& block);

}  // namespace mailrace::tools
