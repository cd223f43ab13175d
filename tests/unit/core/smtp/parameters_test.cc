// SPDX-License-Identifier: GPL-3.0-or-later
// Mail parameters: values of SIZE and BODY, every kind of error, and the limits.
#include "core/smtp/parameters.h"

#include "core/base/limits.h"

#include <gtest/gtest.h>

#include <string>

namespace mailrace::core {
namespace {

using namespace std::string_view_literals;

struct Accepted {
  const char* name;
  std::string_view text;
  std::optional<uint64_t> size;
  BodyType body;
};

constexpr Accepted kAccepted[] = {
    {"none", "", std::nullopt, BodyType::unspecified},
    {"blanks_only", "  ", std::nullopt, BodyType::unspecified},
    {"size", "SIZE=500000", 500000, BodyType::unspecified},
    {"size_zero", "SIZE=0", 0, BodyType::unspecified},
    {"size_in_lower_case", "size=1", 1, BodyType::unspecified},
    {"size_with_zeros", "SIZE=00000000000000000042", 42, BodyType::unspecified},
    {"size_of_64_bits", "SIZE=18446744073709551615", UINT64_MAX, BodyType::unspecified},
    {"size_past_64_bits", "SIZE=18446744073709551616", UINT64_MAX, BodyType::unspecified},
    {"size_of_all_nines", "SIZE=99999999999999999999", UINT64_MAX, BodyType::unspecified},
    {"seven_bit", "BODY=7BIT", std::nullopt, BodyType::seven_bit},
    {"eight_bit", "BODY=8BITMIME", std::nullopt, BodyType::eight_bit_mime},
    {"eight_bit_in_mixed_case", "Body=8bitMime", std::nullopt, BodyType::eight_bit_mime},
    {"both", "SIZE=1 BODY=8BITMIME", 1, BodyType::eight_bit_mime},
    {"both_the_other_way_round", "BODY=8BITMIME SIZE=1", 1, BodyType::eight_bit_mime},
    {"blanks_in_front_and_between", " BODY=8BITMIME   SIZE=1 ", 1, BodyType::eight_bit_mime},
};

class AcceptedParametersTest : public testing::TestWithParam<Accepted> {};

TEST_P(AcceptedParametersTest, AreRead) {
  const ParsedMailParameters parsed = parse_mail_parameters(GetParam().text);
  EXPECT_EQ(parsed.error, ParameterError::none);
  EXPECT_EQ(parsed.parameters.size, GetParam().size);
  EXPECT_EQ(parsed.parameters.body, GetParam().body);
}

INSTANTIATE_TEST_SUITE_P(Rfc1870, AcceptedParametersTest, testing::ValuesIn(kAccepted),
                         [](const auto& row) { return std::string(row.param.name); });

struct Refused {
  const char* name;
  std::string_view text;
  ParameterError error;
};

constexpr Refused kRefused[] = {
    {"unknown_keyword", "RET=HDRS", ParameterError::unknown},
    {"unknown_without_value", "SMTPUTF8", ParameterError::unknown},
    {"prefix_of_a_keyword", "SIZ=1", ParameterError::unknown},
    {"longer_than_a_keyword", "SIZES=1", ParameterError::unknown},
    {"size_twice", "SIZE=1 SIZE=1", ParameterError::duplicate},
    {"size_twice_in_other_case", "SIZE=1 size=2", ParameterError::duplicate},
    {"body_twice", "BODY=7BIT SIZE=1 BODY=7BIT", ParameterError::duplicate},
    {"size_without_value", "SIZE", ParameterError::bad_value},
    {"size_with_sign", "SIZE=+5", ParameterError::bad_value},
    {"size_negative", "SIZE=-5", ParameterError::bad_value},
    {"size_in_hex", "SIZE=0x10", ParameterError::bad_value},
    {"size_with_fraction", "SIZE=1.5", ParameterError::bad_value},
    {"size_of_21_digits", "SIZE=000000000000000000001", ParameterError::bad_value},
    {"body_without_value", "BODY", ParameterError::bad_value},
    {"body_not_offered", "BODY=BINARYMIME", ParameterError::bad_value},
    {"body_prefix", "BODY=8BIT", ParameterError::bad_value},
    {"empty_value", "SIZE=", ParameterError::syntax},
    {"only_equals", "=", ParameterError::syntax},
    {"empty_keyword", "=5", ParameterError::syntax},
    {"two_equals", "SIZE=1=2", ParameterError::syntax},
    {"blank_before_equals", "SIZE =1", ParameterError::syntax},
    {"blank_behind_equals", "SIZE= 1", ParameterError::syntax},
    {"keyword_begins_with_hyphen", "-SIZE=1", ParameterError::syntax},
    {"keyword_with_underscore", "X_Y=1", ParameterError::syntax},
    {"keyword_with_bracket", "<a@b>", ParameterError::syntax},
    {"tab_between", "SIZE=1\tBODY=7BIT", ParameterError::syntax},
    {"nul_in_value", "SIZE=1\0"sv, ParameterError::syntax},
    {"del_in_value", "X=\x7f", ParameterError::syntax},
    {"eight_bit_in_value", "X=\xc3\xa4", ParameterError::syntax},
    {"eight_bit_in_keyword", "\xc3\xa4=1", ParameterError::syntax},
    {"first_error_counts", "SIZE=x XXX", ParameterError::bad_value},
    {"first_error_counts_the_other_way_round", "XXX SIZE=x", ParameterError::unknown},
    {"syntax_counts_before_meaning", "XXX SIZE=x BODY=", ParameterError::syntax},
};

class RefusedParametersTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedParametersTest, SayWhatIsWrong) {
  EXPECT_EQ(parse_mail_parameters(GetParam().text).error, GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(Rfc5321, RefusedParametersTest, testing::ValuesIn(kRefused),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(RcptParametersTest, NoneIsKnown) {
  EXPECT_EQ(parse_rcpt_parameters(""), ParameterError::none);
  EXPECT_EQ(parse_rcpt_parameters("NOTIFY=NEVER"), ParameterError::unknown);
  EXPECT_EQ(parse_rcpt_parameters("SIZE=1"), ParameterError::unknown);
  EXPECT_EQ(parse_rcpt_parameters("NOTIFY= X"), ParameterError::syntax);
  EXPECT_EQ(parse_rcpt_parameters("X Y="), ParameterError::syntax);
}

std::string many_parameters(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += " X" + std::to_string(i) + "=y";
  return text;
}

TEST(ParameterLimitTest, CountOfParameters) {
  const std::string most = many_parameters(kParametersMax);
  EXPECT_EQ(parse_mail_parameters(most).error, ParameterError::unknown);
  EXPECT_EQ(parse_rcpt_parameters(most), ParameterError::unknown);
  const std::string more = many_parameters(kParametersMax + 1);
  EXPECT_EQ(parse_mail_parameters(more).error, ParameterError::too_many);
  EXPECT_EQ(parse_rcpt_parameters(more), ParameterError::too_many);
}

TEST(ParameterReaderTest, TakesParametersOffInOrder) {
  ParameterReader reader("A=1 b-2  C=<!~>");
  const auto first = reader.next();
  const auto second = reader.next();
  const auto third = reader.next();
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(first->keyword, "A");
  EXPECT_EQ(first->value, "1");
  EXPECT_EQ(second->keyword, "b-2");
  EXPECT_EQ(second->value, std::nullopt);
  EXPECT_EQ(third->value, "<!~>");
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), ParameterError::none);
}

TEST(ParameterReaderTest, StaysAtAnError) {
  ParameterReader reader("A=1 =2 C=3");
  EXPECT_TRUE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.error(), ParameterError::syntax);
}

}  // namespace
}  // namespace mailrace::core
