// SPDX-License-Identifier: GPL-3.0-or-later
// Mail parameters: the values of each keyword, every kind of error, and the limits.
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
    {"binary", "BODY=BINARYMIME", std::nullopt, BodyType::binary_mime},
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
  EXPECT_EQ(parsed.parameters.claims, MailClaims{.body = GetParam().body});
}

INSTANTIATE_TEST_SUITE_P(Rfc1870, AcceptedParametersTest, testing::ValuesIn(kAccepted),
                         [](const auto& row) { return std::string(row.param.name); });

struct Refused {
  const char* name;
  std::string_view text;
  ParameterError error;
};

constexpr Refused kRefused[] = {
    {"unknown_keyword", "AUTH=<>", ParameterError::unknown},
    {"unknown_without_value", "XXX", ParameterError::unknown},
    {"deliverby", "BY=120;R", ParameterError::unknown},           // RFC 2852
    {"futurerelease", "HOLDFOR=86400", ParameterError::unknown},  // RFC 4865
    {"of_rcpt", "NOTIFY=NEVER", ParameterError::unknown},
    {"smtputf8_with_value", "SMTPUTF8=1", ParameterError::bad_value},
    {"smtputf8_twice", "SMTPUTF8 smtputf8", ParameterError::duplicate},
    {"requiretls_with_value", "REQUIRETLS=1", ParameterError::bad_value},
    {"requiretls_twice", "REQUIRETLS REQUIRETLS", ParameterError::duplicate},
    {"ret_without_value", "RET", ParameterError::bad_value},
    {"ret_of_others", "RET=BODY", ParameterError::bad_value},
    {"ret_list", "RET=FULL,HDRS", ParameterError::bad_value},
    {"ret_twice", "RET=FULL RET=FULL", ParameterError::duplicate},
    {"envid_without_value", "ENVID", ParameterError::bad_value},
    {"envid_empty", "ENVID=", ParameterError::syntax},
    {"envid_twice", "ENVID=a ENVID=b", ParameterError::duplicate},
    {"envid_of_lower_case_hex", "ENVID=a+2b", ParameterError::bad_value},
    {"envid_cut", "ENVID=a+2", ParameterError::bad_value},
    {"envid_plus_alone", "ENVID=+", ParameterError::bad_value},
    {"envid_for_a_control", "ENVID=a+0A", ParameterError::bad_value},
    {"envid_for_del", "ENVID=+7F", ParameterError::bad_value},
    {"envid_for_8_bit", "ENVID=+C3+BC", ParameterError::bad_value},
    {"envid_of_8_bit", "SMTPUTF8 ENVID=\xc3\xbc", ParameterError::syntax},
    {"priority_without_value", "MT-PRIORITY", ParameterError::bad_value},
    {"priority_of_ten", "MT-PRIORITY=10", ParameterError::bad_value},
    {"priority_with_plus", "MT-PRIORITY=+1", ParameterError::bad_value},
    {"priority_with_zero_in_front", "MT-PRIORITY=01", ParameterError::bad_value},
    {"priority_of_minus_zero", "MT-PRIORITY=-0", ParameterError::bad_value},
    {"priority_of_minus", "MT-PRIORITY=-", ParameterError::bad_value},
    {"priority_of_two_minus", "MT-PRIORITY=--1", ParameterError::bad_value},
    {"priority_twice", "MT-PRIORITY=1 MT-PRIORITY=1", ParameterError::duplicate},
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
    {"body_not_offered", "BODY=TERNARYMIME", ParameterError::bad_value},
    {"prdr_with_value", "PRDR=YES", ParameterError::bad_value},
    {"prdr_twice", "PRDR PRDR", ParameterError::duplicate},
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

// --- MAIL: RFC 6531, RFC 3461, RFC 8689, RFC 6710 ------------------------------------------------

TEST(MailParametersTest, AreReadInAnyOrderAndCase) {
  const ParsedMailParameters parsed = parse_mail_parameters(
      "mt-priority=-3 EnvID=QQ+2B314159 ret=hdrs requireTLS SmtpUtf8 body=7bit SIZE=5");
  EXPECT_EQ(parsed.error, ParameterError::none);
  EXPECT_EQ(parsed.parameters.size, 5u);
  EXPECT_EQ(parsed.parameters.envelope_id, "QQ+2B314159");
  EXPECT_EQ(parsed.parameters.claims, (MailClaims{.body = BodyType::seven_bit,
                                                  .is_smtputf8 = true,
                                                  .requires_tls = true,
                                                  .return_content = ReturnContent::header_section,
                                                  .priority = int8_t{-3}}));
}

TEST(MailParametersTest, RetHasTwoValues) {
  EXPECT_EQ(parse_mail_parameters("RET=Full").parameters.claims.return_content,
            ReturnContent::full);
  EXPECT_EQ(parse_mail_parameters("RET=HDRS").parameters.claims.return_content,
            ReturnContent::header_section);
}

TEST(MailParametersTest, PrioritiesAreMinusNineToNine) {
  for (int priority = -9; priority <= 9; ++priority) {
    const auto parsed = parse_mail_parameters("MT-PRIORITY=" + std::to_string(priority));
    EXPECT_EQ(parsed.error, ParameterError::none) << priority;
    EXPECT_EQ(parsed.parameters.claims.priority, priority);
  }
}

TEST(MailParametersTest, EnvelopeIdStandsForAHundredOctets) {
  const auto error_of = [](const std::string& text) {
    return parse_mail_parameters("ENVID=" + text).error;
  };
  std::string encoded;
  for (size_t i = 0; i < kEnvelopeIdBytesMax; ++i) encoded += "+20";
  EXPECT_EQ(error_of(std::string(kEnvelopeIdBytesMax, 'e')), ParameterError::none);
  EXPECT_EQ(error_of(std::string(kEnvelopeIdBytesMax + 1, 'e')), ParameterError::bad_value);
  EXPECT_EQ(error_of(encoded), ParameterError::none);
  EXPECT_EQ(error_of(encoded + "+20"), ParameterError::bad_value);
}

// --- RCPT: RFC 3461, RFC 6533 --------------------------------------------------------------------

struct RcptRow {
  const char* name;
  std::string_view text;
  ParameterError error;
  NotifySet notify = NotifySet::unspecified;
  std::string_view original_recipient = {};
};

constexpr RcptRow kRcptRows[] = {
    {"none", "", ParameterError::none},
    {"never", "NOTIFY=NEVER", ParameterError::none, NotifySet::never},
    {"success", "NOTIFY=SUCCESS", ParameterError::none, NotifySet::success},
    {"failure", "notify=failure", ParameterError::none, NotifySet::failure},
    {"delay", "NOTIFY=Delay", ParameterError::none, NotifySet::delay},
    {"all", "NOTIFY=SUCCESS,FAILURE,DELAY", ParameterError::none,
     NotifySet::success | NotifySet::failure | NotifySet::delay},
    {"all_in_other_order", "NOTIFY=delay,Failure", ParameterError::none,
     NotifySet::failure | NotifySet::delay},
    {"element_twice", "NOTIFY=DELAY,DELAY", ParameterError::none, NotifySet::delay},
    {"orcpt", "ORCPT=rfc822;Bob+2B@Ivory.EDU", ParameterError::none, NotifySet::unspecified,
     "rfc822;Bob+2B@Ivory.EDU"},
    {"both", "ORCPT=x400;/S+3Da/ NOTIFY=NEVER", ParameterError::none, NotifySet::never,
     "x400;/S+3Da/"},
    {"never_and_others", "NOTIFY=NEVER,FAILURE", ParameterError::bad_value},
    {"others_and_never", "NOTIFY=FAILURE,NEVER", ParameterError::bad_value},
    {"never_twice", "NOTIFY=NEVER,NEVER", ParameterError::bad_value},
    {"unknown_element", "NOTIFY=ALWAYS", ParameterError::bad_value},
    {"empty_element", "NOTIFY=SUCCESS,,DELAY", ParameterError::bad_value},
    {"comma_at_the_end", "NOTIFY=SUCCESS,", ParameterError::bad_value},
    {"comma_in_front", "NOTIFY=,SUCCESS", ParameterError::bad_value},
    {"notify_without_value", "NOTIFY", ParameterError::bad_value},
    {"notify_empty", "NOTIFY=", ParameterError::syntax},
    {"notify_twice", "NOTIFY=NEVER NOTIFY=NEVER", ParameterError::duplicate},
    {"orcpt_twice", "ORCPT=a;b ORCPT=a;b", ParameterError::duplicate},
    {"orcpt_without_value", "ORCPT", ParameterError::bad_value},
    {"orcpt_without_type", "ORCPT=bob@ivory.edu", ParameterError::bad_value},
    {"orcpt_of_empty_type", "ORCPT=;bob@ivory.edu", ParameterError::bad_value},
    {"orcpt_that_is_no_xtext", "ORCPT=rfc822;a+b", ParameterError::bad_value},
    {"orcpt_of_8_bit", "ORCPT=utf-8;\xc3\xbc", ParameterError::syntax},
    {"of_mail", "RET=FULL", ParameterError::unknown},
    {"unknown_keyword", "NOTIFIES=NEVER", ParameterError::unknown},
    {"syntax_counts_first", "NOTIFY=NEVER,DELAY X=", ParameterError::syntax},
};

class RcptParametersTest : public testing::TestWithParam<RcptRow> {};

TEST_P(RcptParametersTest, AreReadOrRefused) {
  const RcptRow& row = GetParam();
  const ParsedRcptParameters parsed = parse_rcpt_parameters(row.text, Charset::ascii);
  EXPECT_EQ(parsed.error, row.error);
  if (row.error != ParameterError::none) return;
  EXPECT_EQ(parsed.parameters.notify, row.notify);
  EXPECT_EQ(parsed.parameters.original_recipient, row.original_recipient);
}

INSTANTIATE_TEST_SUITE_P(Rfc3461, RcptParametersTest, testing::ValuesIn(kRcptRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(RcptUtf8Test, OrcptMayHaveUtf8BehindSmtputf8) {
  const auto error_of = [](std::string_view text) {
    return parse_rcpt_parameters(text, Charset::utf8).error;
  };
  EXPECT_EQ(error_of("ORCPT=utf-8;\xc3\xbc@b"), ParameterError::none);
  EXPECT_EQ(error_of("ORCPT=rfc822;\xc3\xbc@b"), ParameterError::bad_value);
  EXPECT_EQ(error_of("ORCPT=utf-8;\xc3"), ParameterError::syntax);
  EXPECT_EQ(error_of("ORCPT=utf-8;\xed\xa0\x80"), ParameterError::syntax);
  EXPECT_EQ(error_of("NOTIFY=\xc3\xbc"), ParameterError::bad_value);
  EXPECT_EQ(error_of("\xc3\xbc=a"), ParameterError::syntax);
}

TEST(RcptParameterLimitTest, OrcptHasFiveHundredOctets) {
  const std::string longest = "ORCPT=rfc822;" + std::string(kOriginalRecipientBytesMax - 7, 'a');
  EXPECT_EQ(parse_rcpt_parameters(longest, Charset::ascii).error, ParameterError::none);
  EXPECT_EQ(parse_rcpt_parameters(longest + 'a', Charset::ascii).error, ParameterError::bad_value);
}

std::string many_parameters(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += " X" + std::to_string(i) + "=y";
  return text;
}

TEST(ParameterLimitTest, CountOfParameters) {
  const std::string most = many_parameters(kParametersMax);
  EXPECT_EQ(parse_mail_parameters(most).error, ParameterError::unknown);
  EXPECT_EQ(parse_rcpt_parameters(most, Charset::ascii).error, ParameterError::unknown);
  const std::string more = many_parameters(kParametersMax + 1);
  EXPECT_EQ(parse_mail_parameters(more).error, ParameterError::too_many);
  EXPECT_EQ(parse_rcpt_parameters(more, Charset::ascii).error, ParameterError::too_many);
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
