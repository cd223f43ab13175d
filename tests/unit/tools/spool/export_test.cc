// SPDX-License-Identifier: GPL-3.0-or-later
// `mailrace spool export` without a consumer, of a spool that retention takes segments from.
#include "tests/unit/tools/spool/hand_off_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <thread>

namespace mailrace::tools {
namespace {

using ExportTest = HandOffTest;

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> octets;
  for (ssize_t got; (got = ::read(fd, octets.data(), octets.size())) > 0;) {
    text.append(octets.data(), size_t(got));
  }
  return text;
}

// What is exported is more than a pipe takes: nothing goes on while nobody reads it. A mail in the
// segment that is removed then has its end in the next one.
TEST_F(ExportTest, AMailWhoseSegmentWentMeanwhileCostsNoOther) {
  const std::string large(1 << 20, 'x');
  tests::SegmentBuilder second(2);
  second.add_envelope(mail(5120));
  second.add_data(5120, mail(5120).data);
  second.add_seal();
  write(second, 2);
  tests::SegmentBuilder third(3);
  third.add_mail({.mail_id = 4096, .data = large});
  third.add_end(5120, mail(5120).data.size(), 1);
  third.add_mail(mail(6144));
  third.add_seal();
  write(third, 3);
  ASSERT_EQ(::mkfifo(out_.c_str(), 0600), 0);
  Outcome outcome;
  std::thread exporting([&] {
    outcome = run_spool_command({"export", spool_, "--format", "jsonl", "--output", out_});
  });
  const int reader = ::open(out_.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text(1, '\0');
  EXPECT_EQ(::read(reader, text.data(), 1), 1);
  std::filesystem::remove(path_of(2));
  text += read_all(reader);
  ::close(reader);
  exporting.join();
  EXPECT_EQ(outcome.exit_code, kExitFailure);
  EXPECT_NE(outcome.err.find(queue_id(5120) + ": cannot be read"), std::string::npos);
  EXPECT_EQ(text.find(queue_id(5120)), std::string::npos);
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  EXPECT_NE(text.find("{\"id\":\"" + queue_id(6144)), std::string::npos);
}

}  // namespace
}  // namespace mailrace::tools
