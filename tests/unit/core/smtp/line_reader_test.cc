// SPDX-License-Identifier: GPL-3.0-or-later
// LineReader: only CRLF ends a line, the split does not matter, and memory is one block at most.
#include "core/smtp/line_reader.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

namespace mailrace::core {
namespace {

using std::string_view_literals::operator""sv;

constexpr const char* kTooLong = "(too long)";

// Gives the pieces one by one, each in memory that is gone afterwards, to a reader that has one
// block; checks that it has given the block back in the end.
class Feeder {
 public:
  void feed(std::string_view piece) {
    const std::vector<char> memory(piece.begin(), piece.end());
    const Octets input = std::as_bytes(std::span(memory));
    size_t used = 0;
    while (const auto line = reader_.take(input, used)) {
      EXPECT_LE(used, input.size());
      if (line->too_long) {
        EXPECT_EQ(line->text.size(), kCommandLineBytesMax);
        EXPECT_TRUE(line->text.starts_with(beginning));
      }
      lines.push_back(line->too_long ? kTooLong : std::string(line->text));
    }
    EXPECT_EQ(used, input.size());
  }
  size_t free_blocks() const { return pool_.free_count(); }
  LineReader& reader() { return reader_; }

  std::vector<std::string> lines{};
  std::string beginning{};  // of every line that is too long

 private:
  BlockPool pool_{kSessionBlockBytes, 1};
  LineReader reader_{pool_};
};

struct Stream {
  const char* name;
  std::string_view wire;
  std::vector<std::string> lines;
};

const Stream kStreams[] = {
    {"nothing", "", {}},
    {"one_line", "NOOP\r\n", {"NOOP"}},
    {"empty_line", "\r\n", {""}},
    {"two_empty_lines", "\r\n\r\n", {"", ""}},
    {"two_lines", "RSET\r\nQUIT\r\n", {"RSET", "QUIT"}},
    {"partial_line", "RSET\r\nQUI", {"RSET"}},
    {"lf_alone_ends_nothing", "NOOP\nQUIT\n", {}},
    {"lf_alone_stays_in_the_line", "NOOP\nQUIT\r\n", {"NOOP\nQUIT"}},
    {"lf_first", "\nNOOP\r\n", {"\nNOOP"}},
    {"lf_cr", "NOOP\n\rQUIT\r\n", {"NOOP\n\rQUIT"}},
    {"lf_lf_behind_a_line", "NOOP\r\n\n\r\n", {"NOOP", "\n"}},
    {"cr_alone_ends_nothing", "NOOP\rQUIT\r", {}},
    {"cr_alone_stays_in_the_line", "NOOP\rQUIT\r\n", {"NOOP\rQUIT"}},
    {"cr_cr_lf", "NOOP\r\r\n", {"NOOP\r"}},
    {"nul_is_an_octet", "NO\0OP\r\n"sv, {std::string("NO\0OP"sv)}},
    {"cr_of_a_line_before_does_not_count", "A\r\n\nB\r\n", {"A", "\nB"}},
};

class LineReaderTest : public testing::TestWithParam<Stream> {};

TEST_P(LineReaderTest, TakesLinesHoweverTheyAreSplit) {
  const Stream& stream = GetParam();
  const std::string_view wire = stream.wire;
  for (size_t first = 0; first <= wire.size(); ++first) {
    for (size_t second = first; second <= wire.size(); ++second) {
      Feeder feeder;
      feeder.feed(wire.substr(0, first));
      feeder.feed(wire.substr(first, second - first));
      feeder.feed(wire.substr(second));
      EXPECT_EQ(feeder.lines, stream.lines) << first << ' ' << second;
    }
  }
  Feeder feeder;
  for (const char octet : wire) feeder.feed({&octet, 1});
  EXPECT_EQ(feeder.lines, stream.lines);
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, LineReaderTest, testing::ValuesIn(kStreams),
                         [](const auto& stream) { return std::string(stream.param.name); });

std::string line_of(size_t bytes_with_crlf) {
  return std::string(bytes_with_crlf - 2, 'x') + "\r\n";
}

TEST(LineReaderTest, TakesALineOfExactlyTheLimit) {
  const std::string line = line_of(kCommandLineBytesMax);
  const std::vector<std::string> expected{line.substr(0, line.size() - 2), "NOOP"};
  for (const size_t piece : {size_t{1}, size_t{7}, line.size() - 2, line.size() - 1, line.size()}) {
    Feeder feeder;
    const std::string wire = line + "NOOP\r\n";
    for (size_t i = 0; i < wire.size(); i += piece) feeder.feed(wire.substr(i, piece));
    EXPECT_EQ(feeder.lines, expected) << piece;
  }
}

TEST(LineReaderTest, ReportsALongerLineOnceAndStaysInStep) {
  for (const size_t bytes : {kCommandLineBytesMax + 1, kCommandLineBytesMax + 2, size_t{100'000}}) {
    const std::string wire = line_of(bytes) + "\nNOOP\r\n";
    for (const size_t piece : {size_t{1}, size_t{1000}, bytes - 2, bytes - 1, bytes, wire.size()}) {
      Feeder feeder;
      feeder.beginning = std::string(kCommandLineBytesMax - 2, 'x');
      for (size_t i = 0; i < wire.size(); i += piece) feeder.feed(wire.substr(i, piece));
      EXPECT_EQ(feeder.lines, (std::vector<std::string>{kTooLong, "\nNOOP"}))
          << bytes << ' ' << piece;
    }
  }
}

TEST(LineReaderTest, BareLineFeedsMakeALongLineToo) {
  Feeder feeder;
  feeder.feed(std::string(kCommandLineBytesMax, '\n'));
  feeder.feed("\r\nNOOP\r\n");
  EXPECT_EQ(feeder.lines, (std::vector<std::string>{kTooLong, "NOOP"}));
}

TEST(LineReaderTest, HoldsABlockForAPartialLineOnly) {
  Feeder feeder;
  EXPECT_EQ(feeder.free_blocks(), 1u);
  feeder.feed("NOOP\r\nNO");
  EXPECT_EQ(feeder.free_blocks(), 0u);
  feeder.feed("OP\r\n");
  EXPECT_EQ(feeder.free_blocks(), 1u);
  feeder.feed("NO");
  feeder.reader().drop();
  EXPECT_EQ(feeder.free_blocks(), 1u);
  feeder.feed("QUIT\r\n");
  EXPECT_EQ(feeder.lines, (std::vector<std::string>{"NOOP", "NOOP", "QUIT"}));
}

TEST(LineReaderTest, GivesItsBlockBackInTheEnd) {
  BlockPool pool(kSessionBlockBytes, 1);
  {
    LineReader reader(pool);
    size_t used = 0;
    EXPECT_FALSE(reader.take(as_octets("NO"), used).has_value());
    EXPECT_EQ(pool.free_count(), 0u);
  }
  EXPECT_EQ(pool.free_count(), 1u);
}

}  // namespace
}  // namespace mailrace::core
