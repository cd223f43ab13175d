// SPDX-License-Identifier: GPL-3.0-or-later
// Runs a fuzz target over the files of corpus directories, for builds without libFuzzer.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// The regular files of a directory, by name; empty if it cannot be read.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool replay(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return false;
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  // A copy of exactly this size: a sanitizer sees the first octet read behind it.
  const auto input = std::make_unique<uint8_t[]>(text.size());
  std::copy(text.begin(), text.end(), input.get());
  LLVMFuzzerTestOneInput(input.get(), text.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const auto files = files_of(argv[i]);
    for (const auto& file : files) {
      if (replay(file)) continue;
      std::fprintf(stderr, "%s: cannot be read\n", file.c_str());
      return 1;
    }
    std::printf("%s: %zu inputs\n", argv[i], files.size());
    if (files.empty()) return 1;  // a replay of nothing proves nothing
  }
  return argc > 1 ? 0 : 1;
}
