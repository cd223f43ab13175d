// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace serve`: receives mail until it is told to stop.
#pragma once

namespace mailrace::tools {

/// returns   exit code, see tools/lib/exit_codes.h
int main_serve(int argc, char** argv);

}  // namespace mailrace::tools
