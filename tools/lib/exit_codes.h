// SPDX-License-Identifier: GPL-3.0-or-later
// What the program's exit status says to scripts.
#pragma once

namespace mailrace::tools {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // the work failed, or found what it looks for: see stderr
inline constexpr int kExitUsage = 2;    // a flag, the environment, the config file or this machine
// `load` measured itself: it was slower than the server.
inline constexpr int kExitGeneratorLimit = 3;

}  // namespace mailrace::tools
