// SPDX-License-Identifier: GPL-3.0-or-later
// Versions, each from its own library.
#include "tools/lib/version.h"

#include "core/base/crc32c.h"
#include "core/scan/dot_scan.h"
#include "net/tls_library.h"

#include <liburing.h>
#include <mimalloc.h>

#include <cstdlib>

namespace mailrace::tools {

std::string_view version_number() { return MAILRACE_VERSION; }

std::string version_text() {
  std::string text = "mailrace " MAILRACE_VERSION "\n";
  text += "compiler: " __VERSION__ "\n";
  text += "liburing: " + std::to_string(io_uring_major_version()) + "." +
          std::to_string(io_uring_minor_version()) + "\n";
  text += "wolfSSL: " + std::string(net::tls_library_version()) +
          (net::tls_library_has_assembly() ? ", with assembly\n" : ", without assembly\n");
  const int mimalloc = mi_version();
  text += "mimalloc: " + std::to_string(mimalloc / 100) + "." + std::to_string(mimalloc / 10 % 10) +
          "." + std::to_string(mimalloc % 10) + "\n";
  text += "dot scan: " + std::string(core::dot_scan_kernel().name) + "\n";
  text += "crc-32c: " + std::string(core::crc32c_name()) + "\n";
  return text;
}

std::optional<std::string> unusable_kernel() {
  const char* const name = std::getenv("MAILRACE_KERNEL");
  if (name == nullptr || *name == '\0') return std::nullopt;
  if (core::find_dot_scan_kernel(name) != nullptr) return std::nullopt;
  std::string text =
      "environment MAILRACE_KERNEL: '" + std::string(name) + "' is not allowed (allowed:";
  for (const core::DotScanKernel& kernel : core::dot_scan_kernels()) {
    if (kernel.runs_here()) text += " " + std::string(kernel.name);
  }
  return text + ")";
}

}  // namespace mailrace::tools
