// SPDX-License-Identifier: GPL-3.0-or-later
#include "tools/status/status.h"

#include "tools/lib/exit_codes.h"
#include "tools/status/status_client.h"

#include <cstdio>
#include <string>
#include <vector>

namespace mailrace::tools {

int main_status(int argc, char** argv) {
  std::string spool;
  bool json = false;
  bool metrics = false;
  const std::vector<Flag> flags = {
      asked_spool_flag(&spool),
      switch_flag("json", &json, "print one JSON object"),
      switch_flag("metrics", &metrics, "print what --metrics-listen would, and busy networks"),
  };
  const ParseOutcome parsed =
      parse_flags("status", "says how a running server is", flags, argc, argv);
  if (!parsed.proceed) return parsed.exit_code;
  if (spool.empty()) {
    std::fputs("mailrace status: --spool: none given (allowed: a directory)\n", stderr);
    return kExitUsage;
  }
  const auto answer = ask_server(spool, metrics ? "metrics" : json ? "json" : "text");
  if (!answer) {
    std::fprintf(stderr, "mailrace status: %s\n", answer.error().c_str());
    return kExitFailure;
  }
  std::fputs(answer->c_str(), stdout);
  return kExitOk;
}

}  // namespace mailrace::tools
