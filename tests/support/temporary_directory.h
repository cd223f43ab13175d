// SPDX-License-Identifier: GPL-3.0-or-later
// A directory that lives as long as the object.
#pragma once

#include "core/base/check.h"

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace mailrace::tests {

/// Made under the system's directory for temporary files; removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "mailrace-XXXXXX").string();
    MAILRACE_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace mailrace::tests
