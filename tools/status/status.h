// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace status` and `mailrace top`: a running server, seen from outside.
#pragma once

namespace mailrace::tools {

/// Each takes the words behind its name. returns   the exit code
int main_status(int argc, char** argv);
int main_top(int argc, char** argv);

}  // namespace mailrace::tools
