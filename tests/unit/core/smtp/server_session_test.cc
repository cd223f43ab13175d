// SPDX-License-Identifier: GPL-3.0-or-later
// What each command is answered, in each state; and that every reply of the server is produced.
#include "core/smtp/server_session.h"

#include "core/base/queue_id.h"
#include "tests/support/session_driver.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::core {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;
using tests::codes_of;
using tests::SessionDriver;
using tests::SessionRules;

// How far a session has come before the dialog begins.
enum class From { connected, greeted, mail, rcpt, data };

constexpr std::string_view kSteps[] = {"EHLO c.test\r\n", "MAIL FROM:<s@c.test>\r\n",
                                       "RCPT TO:<r@d.test>\r\n", "DATA\r\n"};

void advance(SessionDriver& driver, From from) {
  for (size_t i = 0; i < size_t(from); ++i) driver.send(kSteps[i]);
}

// All replies to `input`, in one piece.
std::string replies_to(SessionDriver& driver, std::string_view input) {
  const size_t before = driver.transcript().replies.size();
  driver.send(input);
  return driver.transcript().replies.substr(before);
}

struct Dialog {
  const char* name;
  From from;
  std::string_view input;
  const char* codes;
};

constexpr Dialog kOrder[] = {
    // RFC 5321 section 4.1.4; the table of SESSION.md
    {"ehlo_first", From::connected, "EHLO c\r\n", "250"},
    {"ehlo_again", From::greeted, "EHLO c\r\n", "250"},
    {"ehlo_in_mail", From::mail, "EHLO c\r\n", "250"},
    {"ehlo_in_rcpt", From::rcpt, "EHLO c\r\n", "250"},
    {"helo_first", From::connected, "HELO c\r\n", "250"},
    {"helo_in_rcpt", From::rcpt, "HELO c\r\n", "250"},
    {"mail_first", From::connected, "MAIL FROM:<a@b>\r\n", "503/5.5.1"},
    {"mail_greeted", From::greeted, "MAIL FROM:<a@b>\r\n", "250/2.1.0"},
    {"mail_in_mail", From::mail, "MAIL FROM:<a@b>\r\n", "503/5.5.1"},
    {"mail_in_rcpt", From::rcpt, "MAIL FROM:<a@b>\r\n", "503/5.5.1"},
    {"mail_behind_helo", From::connected, "HELO c\r\nMAIL FROM:<a@b>\r\n", "250 250/2.1.0"},
    {"rcpt_first", From::connected, "RCPT TO:<a@b>\r\n", "503/5.5.1"},
    {"rcpt_greeted", From::greeted, "RCPT TO:<a@b>\r\n", "503/5.5.1"},
    {"rcpt_in_mail", From::mail, "RCPT TO:<a@b>\r\n", "250/2.1.5"},
    {"rcpt_in_rcpt", From::rcpt, "RCPT TO:<a@b>\r\n", "250/2.1.5"},
    {"data_first", From::connected, "DATA\r\n", "503/5.5.1"},
    {"data_greeted", From::greeted, "DATA\r\n", "503/5.5.1"},
    {"data_in_mail", From::mail, "DATA\r\n", "503/5.5.1"},
    {"data_in_rcpt", From::rcpt, "DATA\r\n", "354"},
    {"rset_first", From::connected, "RSET\r\n", "250/2.0.0"},
    {"rset_ends_the_transaction", From::rcpt,
     "RSET\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\nDATA\r\n",
     "250/2.0.0 503/5.5.1 503/5.5.1 250/2.1.0 503/5.5.1"},
    {"rset_keeps_the_greeting", From::mail, "RSET\r\nMAIL FROM:<a@b>\r\n", "250/2.0.0 250/2.1.0"},
    {"ehlo_ends_the_transaction", From::rcpt,
     "EHLO c\r\nRCPT TO:<a@b>\r\nDATA\r\nMAIL FROM:<a@b>\r\n", "250 503/5.5.1 503/5.5.1 250/2.1.0"},
    {"refused_ehlo_changes_nothing", From::rcpt, "EHLO\r\nEHLO a b\r\nDATA\r\n",
     "501/5.5.4 501/5.5.4 354"},
    {"refused_mail_changes_nothing", From::rcpt, "MAIL FROM:<x@y>\r\nMAIL FROM:x\r\nDATA\r\n",
     "503/5.5.1 503/5.5.1 354"},
    {"simple_verbs_first", From::connected, "NOOP\r\nVRFY a\r\nHELP\r\nQUIT\r\n",
     "250/2.0.0 252/2.5.0 214/2.0.0 221/2.0.0"},
    {"simple_verbs_change_nothing", From::rcpt,
     "NOOP\r\nVRFY a\r\nHELP\r\nEXPN a\r\nWIZ\r\nDATA\r\n",
     "250/2.0.0 252/2.5.0 214/2.0.0 502/5.5.1 500/5.5.1 354"},
    {"quit_in_rcpt", From::rcpt, "QUIT\r\nNOOP\r\n", "221/2.0.0"},
    {"next_mail_without_ehlo", From::data, "x\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
     "250/2.0.0 250/2.1.0 250/2.1.5 354"},
    {"end_of_data_ends_the_transaction", From::data, ".\r\nRCPT TO:<a@b>\r\nDATA\r\n",
     "250/2.0.0 503/5.5.1 503/5.5.1"},
};

constexpr Dialog kSyntax[] = {
    // sections 2.4, 4.1.1, 4.1.2, 4.2.4
    {"verbs_in_any_case", From::connected, "ehlo c\r\nmAiL from:<a@b>\r\nrcpt To:<a@b>\r\ndatA\r\n",
     "250 250/2.1.0 250/2.1.5 354"},
    {"white_space_behind_a_verb", From::rcpt, "NOOP  \t \r\nDATA \r\n", "250/2.0.0 354"},
    {"empty_line", From::greeted, "\r\n", "500/5.5.1"},
    {"unknown_verb", From::greeted, "WIZ\r\nGETS / HTTP/1.1\r\nReceived x\r\n",
     "500/5.5.1 500/5.5.1 500/5.5.1"},
    {"http", From::greeted, "GET / HTTP/1.1\r\nNOOP\r\n", "421/4.7.0"},
    {"header_field", From::connected, "Content-Type:text/plain\r\nNOOP\r\n", "421/4.7.0"},
    {"blank_in_front", From::greeted, " NOOP\r\n", "500/5.5.1"},
    {"known_but_not_here", From::greeted,
     "EXPN l\r\nTURN\r\nSEND FROM:<a@b>\r\nAUTH PLAIN\r\nETRN x\r\nSTARTTLS\r\n",
     "502/5.5.1 502/5.5.1 502/5.5.1 502/5.5.1 502/5.5.1 502/5.5.1"},
    {"argument_where_none_is", From::rcpt, "DATA x\r\nRSET x\r\nQUIT x\r\nSTARTTLS x\r\nDATA\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 354"},
    {"no_argument_where_one_is", From::greeted, "EHLO\r\nHELO \r\nMAIL\r\nVRFY\r\nEXPN\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4"},
    {"rcpt_without_argument", From::mail, "RCPT\r\n", "501/5.5.4"},
    {"optional_argument", From::greeted, "NOOP\r\nNOOP x y\r\nHELP\r\nHELP DATA\r\n",
     "250/2.0.0 250/2.0.0 214/2.0.0 214/2.0.0"},
    {"helo_names", From::connected,
     "EHLO [192.0.2.1]\r\nEHLO [IPv6:::1]\r\nEHLO no_such.name!\r\nHELO localhost\r\n",
     "250 250 250 250"},
    {"helo_name_of_two_words", From::connected, "EHLO a b\r\nMAIL FROM:<a@b>\r\n",
     "501/5.5.4 503/5.5.1"},
    {"bare_lf_hides_no_command", From::greeted, "NOOP\nRSET\r\n", "500/5.5.2"},
    {"bare_lf_is_no_line", From::greeted, "NOOP\nNOOP\nNOOP\n", ""},
    {"bare_cr", From::greeted, "NOOP\rRSET\r\nNOOP\r\r\n", "500/5.5.2 500/5.5.2"},
    {"control_characters", From::greeted,
     "NOOP \x01\r\nNOOP \x7f\r\nNO\0OP\r\nHELO a\x1b\r\nNOOP a\tb\r\n"sv,
     "500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2"},
    {"control_characters_in_paths", From::greeted,
     "MAIL FROM:<a\0@b>\r\nMAIL FROM:<\"\n\"@b>\r\n"sv, "500/5.5.2 500/5.5.2"},
    {"eight_bit", From::greeted, "NOOP \xc3\xa4\r\nEHLO \xc3\xa4\r\n\xff\xff\r\n",
     "500/5.5.2 500/5.5.2 500/5.5.2"},
};

constexpr Dialog kPaths[] = {
    // sections 4.1.1.2, 4.1.1.3, 4.1.1.11, 4.1.2; RFC 6531 section 3.5
    {"null_reverse_path", From::greeted, "MAIL FROM:<>\r\n", "250/2.1.0"},
    {"null_forward_path", From::mail, "RCPT TO:<>\r\n", "501/5.1.3"},
    {"postmaster", From::mail, "RCPT TO:<Postmaster>\r\nRCPT TO:<pOSTMASTER>\r\n",
     "250/2.1.5 250/2.1.5"},
    {"postmaster_as_sender", From::greeted, "MAIL FROM:<Postmaster>\r\n", "501/5.1.7"},
    {"no_domain", From::mail, "RCPT TO:<user>\r\n", "501/5.1.3"},
    {"quoted_local_parts", From::mail,
     "RCPT TO:<\"a b\"@c>\r\nRCPT TO:<\"a>b\"@c>\r\nRCPT TO:<\"joe\\\"x\"@c>\r\nRCPT "
     "TO:<\"\"@c>\r\n",
     "250/2.1.5 250/2.1.5 250/2.1.5 250/2.1.5"},
    {"open_quote", From::mail, "RCPT TO:<\"a@c>\r\n", "501/5.1.3"},
    {"address_literals", From::mail,
     "RCPT TO:<a@[192.0.2.1]>\r\nRCPT TO:<a@[IPv6:2001:db8::1]>\r\nRCPT TO:<a@[300.0.2.1]>\r\n",
     "250/2.1.5 250/2.1.5 501/5.1.3"},
    {"source_route", From::mail, "RCPT TO:<@x.test,@y.test:a@b.test>\r\n", "250/2.1.5"},
    {"no_brackets", From::greeted, "MAIL FROM:a@b\r\n", "501/5.1.7"},
    {"wrong_keyword", From::greeted, "MAIL TO:<a@b>\r\nMAIL FROM <a@b>\r\nMAIL <a@b>\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4"},
    {"wrong_keyword_of_rcpt", From::mail, "RCPT FROM:<a@b>\r\nRCPT <a@b>\r\n",
     "501/5.5.4 501/5.5.4"},
    {"text_behind_the_path", From::greeted, "MAIL FROM:<a@b>x\r\nMAIL FROM:<a@b>>\r\n",
     "501/5.1.7 501/5.1.7"},
    {"blank_before_the_path", From::greeted, "MAIL FROM: <a@b>\r\nRCPT TO: <a@b>\r\n",
     "250/2.1.0 250/2.1.5"},
    {"dots_of_senders", From::greeted, "MAIL FROM:<a..b.@c>\r\n", "250/2.1.0"},
    {"dots_of_recipients", From::mail, "RCPT TO:<a..b@c>\r\n", "501/5.1.3"},
    {"eight_bit_sender", From::greeted, "MAIL FROM:<\xc3\xa4@b>\r\nMAIL FROM:<a@\xc3\xa4>\r\n",
     "550/5.6.7 550/5.6.7"},
    {"eight_bit_recipient", From::mail, "RCPT TO:<\xc3\xa4@b>\r\nRCPT TO:<a@\xff>\r\n",
     "553/5.6.7 553/5.6.7"},
    {"unknown_parameter", From::greeted, "MAIL FROM:<a@b> AUTH=<>\r\nMAIL FROM:<a@b> X=1\r\n",
     "555/5.5.4 555/5.5.4"},
    {"unknown_parameter_of_rcpt", From::mail, "RCPT TO:<a@b> RET=FULL\r\nDATA\r\n",
     "555/5.5.4 554/5.5.1"},
    {"malformed_parameter", From::greeted,
     "MAIL FROM:<a@b> =\r\nMAIL FROM:<a@b> SIZE=x\r\nMAIL FROM:<a@b> SIZE=1 SIZE=1\r\nMAIL "
     "FROM:<a@b> BODY\r\nMAIL FROM:<a@b> X=\xc3\xa4\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4"},
    {"malformed_parameter_of_rcpt", From::mail, "RCPT TO:<a@b> -\r\n", "501/5.5.4"},
    {"many_parameters", From::greeted, "MAIL FROM:<a@b> A B C D E F G H I J K L M N O P Q\r\n",
     "501/5.5.4"},
};

constexpr Dialog kSmtputf8[] = {
    // RFC 6531 sections 3.3, 3.4, 3.5, 3.7.4.2
    {"utf8_sender", From::greeted, "MAIL FROM:<\xc3\xa4@b\xc3\xbc> SMTPUTF8\r\n", "250/2.1.0"},
    {"utf8_recipient", From::greeted,
     "MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@b>\r\nRCPT TO:<\"\xc3\xa4 \"@b\xc3\xbc>\r\n",
     "250/2.1.0 250/2.1.5 250/2.1.5"},
    {"utf8_recipient_without", From::greeted, "MAIL FROM:<a@b>\r\nRCPT TO:<\xc3\xa4@b>\r\n",
     "250/2.1.0 553/5.6.7"},
    {"no_utf8_sender", From::greeted,
     "MAIL FROM:<\xff@b> SMTPUTF8\r\nMAIL FROM:<\xc0\xaf@b> SMTPUTF8\r\n"
     "MAIL FROM:<a@\xed\xa0\x80> SMTPUTF8\r\nMAIL FROM:<\xff@b>\r\n",
     "501/5.1.7 501/5.1.7 501/5.1.7 550/5.6.7"},
    {"no_utf8_recipient", From::greeted,
     "MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<\xff@b>\r\nRCPT TO:<a@\xc3>\r\n",
     "250/2.1.0 501/5.1.3 501/5.1.3"},
    {"smtputf8_with_value", From::greeted, "MAIL FROM:<a@b> SMTPUTF8=1\r\n", "501/5.5.4"},
    {"smtputf8_ends_with_its_mail", From::greeted,
     "MAIL FROM:<a@b> SMTPUTF8\r\nRSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<\xc3\xa4@b>\r\n",
     "250/2.1.0 250/2.0.0 250/2.1.0 553/5.6.7"},
    {"path_is_judged_before_parameters", From::greeted,
     "MAIL FROM:<\xc3\xa4@b> X=1\r\nMAIL FROM:<x> X=1\r\n"
     "MAIL FROM:<\xc3\xa4@b> SMTPUTF8 X=1\r\n",
     "550/5.6.7 501/5.1.7 555/5.5.4"},
    {"orcpt_of_utf8", From::greeted,
     "MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<a@b> ORCPT=utf-8;\xc3\xa4@b\r\n"
     "RCPT TO:<a@b> ORCPT=rfc822;\xc3\xa4@b\r\n",
     "250/2.1.0 250/2.1.5 501/5.5.4"},
    {"orcpt_of_utf8_without", From::mail,
     "RCPT TO:<a@b> ORCPT=utf-8;\xc3\xa4@b\r\nRCPT TO:<a@b> ORCPT=utf-8;\\x{E4}@b\r\n",
     "501/5.5.4 250/2.1.5"},
    {"vrfy", From::greeted,
     "VRFY a SMTPUTF8\r\nVRFY \xc3\xa4 SMTPUTF8\r\nVRFY \xc3\xa4 smtputf8\r\nVRFY \xc3\xa4\r\n"
     "VRFY \xff SMTPUTF8\r\nVRFY SMTPUTF8\r\n",
     "252/2.5.0 252/2.5.0 252/2.5.0 553/5.6.7 500/5.5.2 252/2.5.0"},
    {"expn", From::greeted, "EXPN a SMTPUTF8\r\n", "502/5.5.1"},
};

constexpr Dialog kParameters[] = {
    // RFC 3461 section 5.1, RFC 8689, RFC 6710, RFC 5321 section 4.1.1.11
    {"dsn_of_mail", From::greeted, "MAIL FROM:<a@b> RET=HDRS ENVID=QQ314159\r\n", "250/2.1.0"},
    {"bad_dsn_of_mail", From::greeted,
     "MAIL FROM:<a@b> RET=ALL\r\nMAIL FROM:<a@b> RET=FULL RET=FULL\r\n"
     "MAIL FROM:<a@b> ENVID=a+1\r\nMAIL FROM:<a@b> ENVID=a ENVID=a\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4"},
    {"dsn_of_rcpt", From::mail,
     "RCPT TO:<a@b> NOTIFY=NEVER\r\nRCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b\r\n",
     "250/2.1.5 250/2.1.5"},
    {"bad_dsn_of_rcpt", From::mail,
     "RCPT TO:<a@b> NOTIFY=NEVER,DELAY\r\nRCPT TO:<a@b> NOTIFY=DELAY NOTIFY=DELAY\r\n"
     "RCPT TO:<a@b> ORCPT=a@b\r\nRCPT TO:<a@b> ORCPT=x;y ORCPT=x;y\r\n",
     "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4"},
    {"requiretls_in_the_clear", From::greeted,
     "MAIL FROM:<a@b> REQUIRETLS\r\nMAIL FROM:<a@b> REQUIRETLS=1\r\nMAIL FROM:<a@b>\r\n",
     "530/5.7.10 501/5.5.4 250/2.1.0"},
    {"priority", From::greeted, "MAIL FROM:<a@b> MT-PRIORITY=3\r\n", "250/2.3.6"},
    {"priority_below", From::greeted, "MAIL FROM:<a@b> MT-PRIORITY=-9\r\n", "250/2.3.6"},
    {"priority_of_all", From::greeted, "MAIL FROM:<a@b> MT-PRIORITY=0\r\n", "250/2.1.0"},
    {"bad_priority", From::greeted,
     "MAIL FROM:<a@b> MT-PRIORITY=10\r\nMAIL FROM:<a@b> MT-PRIORITY\r\n", "501/5.5.4 501/5.5.4"},
    {"not_offered", From::greeted,
     "MAIL FROM:<a@b> BY=120;R\r\nMAIL FROM:<a@b> HOLDUNTIL=2030-01-01T00:00:00Z\r\n",
     "555/5.5.4 555/5.5.4"},
};

constexpr Dialog kMailData[] = {
    // sections 4.1.1.4, 4.5.2, 2.3.8
    {"empty_mail", From::data, ".\r\n", "250/2.0.0"},
    {"one_line", From::data, "a\r\n.\r\n", "250/2.0.0"},
    {"commands_are_data", From::data, "QUIT\r\nRSET\r\n", ""},
    {"eight_bit_and_nul", From::data, "\xff\0\r\n.\r\n"sv, "250/2.0.0"},
    {"bare_lf", From::data, "a\nb\r\n.\r\nNOOP\r\n", "550/5.6.11 250/2.0.0"},
    {"bare_cr_in_data", From::data, "a\rb\r\n.\r\nNOOP\r\n", "550/5.6.11 250/2.0.0"},
    {"lf_dot_lf", From::data, "a\n.\nMAIL FROM:<x@y>\r\n.\r\n", "550/5.6.11"},
    {"lf_dot_crlf", From::data, "a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n", "550/5.6.11"},
    {"dot_lf_first", From::data, ".\nMAIL FROM:<x@y>\r\n.\r\n", "550/5.6.11"},
    {"refused_data_ends_the_transaction", From::data, "\n\r\n.\r\nDATA\r\nMAIL FROM:<a@b>\r\n",
     "550/5.6.11 503/5.5.1 250/2.1.0"},
};

constexpr Dialog kChunks[] = {
    // RFC 3030 section 2, section 3, section 4; the table of SESSION.md
    {"bdat_first", From::connected, "BDAT 4\r\nNOOPNOOP\r\n", "503/5.5.1 250/2.0.0"},
    {"bdat_greeted", From::greeted, "BDAT 4 LAST\r\nNOOPNOOP\r\n", "503/5.5.1 250/2.0.0"},
    {"bdat_in_mail", From::mail, "BDAT 4 LAST\r\nNOOPNOOP\r\n", "503/5.5.1 250/2.0.0"},
    {"one_chunk", From::rcpt, "BDAT 4 LAST\r\nab\r\nNOOP\r\n", "250/2.0.0 250/2.0.0"},
    {"two_chunks", From::rcpt, "BDAT 3\r\nab\rBDAT 4 LAST\r\n\nc\r\n", "250/2.0.0 250/2.0.0"},
    {"empty_last", From::rcpt, "BDAT 4\r\nab\r\nBDAT 0 LAST\r\n", "250/2.0.0 250/2.0.0"},
    {"nothing_at_all", From::rcpt, "BDAT 0 LAST\r\nNOOP\r\n", "250/2.0.0 250/2.0.0"},
    {"empty_in_the_middle", From::rcpt, "BDAT 0\r\nBDAT 2\r\nabBDAT 0\r\nBDAT 0 LAST\r\n",
     "250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0"},
    {"dots_are_content", From::rcpt, "BDAT 5 LAST\r\n\r\n.\r\nNOOP\r\n", "250/2.0.0 250/2.0.0"},
    {"commands_are_content", From::rcpt, "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nRSET\r\n",
     "250/2.0.0 250/2.0.0"},
    {"malformed_size", From::rcpt, "BDAT 4x\r\nNOOPNOOP\r\n", "501/5.5.4"},
    {"no_size", From::rcpt, "BDAT\r\nNOOP\r\n", "501/5.5.4"},
    {"malformed_marker", From::rcpt, "BDAT 4 FIRST\r\nNOOPNOOP\r\n", "501/5.5.4"},
    {"control_character", From::rcpt, "BDAT 4\0\r\nNOOP\r\n"sv, "501/5.5.4"},
    {"bare_lf_in_bdat", From::rcpt, "BDAT 4\nNOOP\r\nNOOP\r\n", "501/5.5.4"},
    {"eight_bit_bdat", From::rcpt, "BDAT 4 \xff\r\nNOOP\r\n", "501/5.5.4"},
    {"verb_in_any_case", From::rcpt, "bDaT 2 last \t\r\nabNOOP\r\n", "250/2.0.0 250/2.0.0"},
    {"too_large", From::rcpt, "BDAT 1048577 LAST\r\n", ""},
    {"absurdly_large", From::rcpt, "BDAT 18446744073709551616\r\nNOOP\r\n", "552/5.3.4"},
    {"absurdly_large_first", From::greeted, "BDAT 4611686018427387904\r\nNOOP\r\n", "552/5.3.4"},
    {"data_behind_bdat", From::rcpt, "BDAT 2\r\nabDATA\r\nBDAT 0 LAST\r\n",
     "250/2.0.0 503/5.5.1 250/2.0.0"},
    {"rcpt_behind_bdat", From::rcpt, "BDAT 2\r\nabRCPT TO:<x@y>\r\nBDAT 0 LAST\r\n",
     "250/2.0.0 503/5.5.1 250/2.0.0"},
    {"mail_behind_bdat", From::rcpt, "BDAT 2\r\nabMAIL FROM:<x@y>\r\nBDAT 0 LAST\r\n",
     "250/2.0.0 503/5.5.1 250/2.0.0"},
    {"simple_verbs_between", From::rcpt, "BDAT 2\r\nabNOOP\r\nVRFY a\r\nBDAT 0 LAST\r\n",
     "250/2.0.0 250/2.0.0 252/2.5.0 250/2.0.0"},
    {"bdat_behind_last", From::rcpt, "BDAT 2 LAST\r\nabBDAT 4 LAST\r\nNOOPDATA\r\n",
     "250/2.0.0 503/5.5.1 503/5.5.1"},
    {"rset_between", From::rcpt, "BDAT 2\r\nabRSET\r\nBDAT 4 LAST\r\nNOOPNOOP\r\n",
     "250/2.0.0 250/2.0.0 503/5.5.1 250/2.0.0"},
    {"ehlo_between", From::rcpt, "BDAT 2\r\nabEHLO c\r\nBDAT 4 LAST\r\nNOOPMAIL FROM:<>\r\n",
     "250/2.0.0 250 503/5.5.1 250/2.1.0"},
    {"bare_lf_in_a_chunk", From::rcpt,
     "BDAT 2\r\n\naBDAT 4\r\nNOOPBDAT 4 LAST\r\nNOOPBDAT 4\r\nNOOPMAIL FROM:<>\r\n",
     "550/5.6.11 503/5.5.1 503/5.5.1 503/5.5.1 250/2.1.0"},
    {"bare_cr_across_chunks", From::rcpt, "BDAT 2\r\na\rBDAT 4 LAST\r\nNOOPNOOP\r\n",
     "250/2.0.0 550/5.6.11 250/2.0.0"},
    {"bare_cr_at_the_end", From::rcpt, "BDAT 2 LAST\r\na\rNOOP\r\n", "550/5.6.11 250/2.0.0"},
    {"failed_until_rset", From::rcpt, "BDAT 2\r\n\naRSET\r\nMAIL FROM:<>\r\nBDAT 4\r\nNOOP",
     "550/5.6.11 250/2.0.0 250/2.1.0 503/5.5.1"},
    {"failed_until_ehlo", From::rcpt, "BDAT 2\r\n\naEHLO c\r\nBDAT 4\r\nNOOPMAIL FROM:<>\r\n",
     "550/5.6.11 250 503/5.5.1 250/2.1.0"},
    {"a_refused_chunk_ends_the_transaction", From::mail,
     "BDAT 4\r\nNOOPRCPT TO:<a@b>\r\nBDAT 4 LAST\r\nNOOPMAIL FROM:<>\r\n",
     "503/5.5.1 503/5.5.1 503/5.5.1 250/2.1.0"},
    {"binary", From::greeted,
     "MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nDATA\r\nBDAT 3 LAST\r\n\n\ra",
     "250/2.1.0 250/2.1.5 503/5.5.1 250/2.0.0"},
};

class DialogTest : public testing::TestWithParam<Dialog> {};

TEST_P(DialogTest, Codes) {
  const Dialog& dialog = GetParam();
  SessionDriver driver;
  advance(driver, dialog.from);
  const std::string replies = replies_to(driver, dialog.input);
  EXPECT_EQ(codes_of(replies), dialog.codes) << replies;
  EXPECT_EQ(tests::defect_of_replies(driver.transcript().replies), "");
}

TEST_P(DialogTest, TheSameOctetByOctet) {
  const Dialog& dialog = GetParam();
  SessionDriver driver;
  advance(driver, dialog.from);
  std::string replies;
  for (const char octet : dialog.input) replies += replies_to(driver, {&octet, 1});
  EXPECT_EQ(codes_of(replies), dialog.codes) << replies;
}

std::string name_of(const testing::TestParamInfo<Dialog>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Order, DialogTest, testing::ValuesIn(kOrder), name_of);
INSTANTIATE_TEST_SUITE_P(Syntax, DialogTest, testing::ValuesIn(kSyntax), name_of);
INSTANTIATE_TEST_SUITE_P(Paths, DialogTest, testing::ValuesIn(kPaths), name_of);
INSTANTIATE_TEST_SUITE_P(Smtputf8, DialogTest, testing::ValuesIn(kSmtputf8), name_of);
INSTANTIATE_TEST_SUITE_P(Parameters, DialogTest, testing::ValuesIn(kParameters), name_of);
INSTANTIATE_TEST_SUITE_P(Chunks, DialogTest, testing::ValuesIn(kChunks), name_of);
INSTANTIATE_TEST_SUITE_P(MailData, DialogTest, testing::ValuesIn(kMailData), name_of);

// --- pipelining, RFC 2920 -----------------------------------------------------------------------

struct Group {
  const char* name;
  std::string_view input;
  const char* codes;
  size_t mails;
};

// Our domain is d.test; section 3.1: "The client cannot assume that the DATA command will be
// rejected just because none of the RCPT TO commands worked."
constexpr Group kGroups[] = {
    {"all_accepted",
     "MAIL FROM:<a@b>\r\nRCPT TO:<x@d.test>\r\nRCPT TO:<y@D.TEST>\r\nDATA\r\n"
     "m\r\n.\r\n",
     "250/2.1.0 250/2.1.5 250/2.1.5 354 250/2.0.0", 1},
    {"some_recipients_refused",
     "MAIL FROM:<a@b>\r\nRCPT TO:<x@e.test>\r\nRCPT TO:<y@d.test>\r\n"
     "DATA\r\nm\r\n.\r\n",
     "250/2.1.0 550/5.7.1 250/2.1.5 354 250/2.0.0", 1},
    {"last_recipient_refused",
     "MAIL FROM:<a@b>\r\nRCPT TO:<y@d.test>\r\nRCPT TO:<x@e.test>\r\n"
     "DATA\r\nm\r\n.\r\n",
     "250/2.1.0 250/2.1.5 550/5.7.1 354 250/2.0.0", 1},
    {"all_recipients_refused", "MAIL FROM:<a@b>\r\nRCPT TO:<x@e.test>\r\nDATA\r\nRSET\r\n",
     "250/2.1.0 550/5.7.1 554/5.5.1 250/2.0.0", 0},
    {"malformed_recipients_only", "MAIL FROM:<a@b>\r\nRCPT TO:<>\r\nDATA\r\nRSET\r\n",
     "250/2.1.0 501/5.1.3 554/5.5.1 250/2.0.0", 0},
    {"recipients_before_mail", "RCPT TO:<x@d.test>\r\nMAIL FROM:<a@b>\r\nDATA\r\n",
     "503/5.5.1 250/2.1.0 503/5.5.1", 0},
    {"mail_refused", "MAIL FROM:a\r\nRCPT TO:<x@d.test>\r\nDATA\r\nMAIL FROM:<a@b>\r\n",
     "501/5.1.7 503/5.5.1 503/5.5.1 250/2.1.0", 0},
    {"two_mails",
     "MAIL FROM:<a@b>\r\nRCPT TO:<x@d.test>\r\nDATA\r\nm\r\n.\r\nMAIL FROM:<a@b>\r\n"
     "RCPT TO:<x@d.test>\r\nDATA\r\nn\r\n.\r\nQUIT\r\n",
     "250/2.1.0 250/2.1.5 354 250/2.0.0 250/2.1.0 250/2.1.5 354 250/2.0.0 221/2.0.0", 2},
    {"content_first_in_a_group",
     "MAIL FROM:<a@b>\r\nRCPT TO:<x@d.test>\r\nDATA\r\nm\n\r\n.\r\n"
     "MAIL FROM:<a@b>\r\nRCPT TO:<x@d.test>\r\nDATA\r\nn\r\n.\r\n",
     "250/2.1.0 250/2.1.5 354 550/5.6.11 250/2.1.0 250/2.1.5 354 250/2.0.0", 1},
    {"text_without_354", "DATA\r\nm\r\n.\r\nNOOP\r\n", "503/5.5.1 500/5.5.1 500/5.5.1 250/2.0.0",
     0},
    {"behind_quit", "QUIT\r\nMAIL FROM:<a@b>\r\n", "221/2.0.0", 0},
};

class GroupTest : public testing::TestWithParam<Group> {};

TEST_P(GroupTest, RepliesInOrder) {
  SessionDriver driver({.domains = {"d.test"}});
  advance(driver, From::greeted);
  EXPECT_EQ(codes_of(replies_to(driver, GetParam().input)), GetParam().codes);
  EXPECT_EQ(driver.transcript().mails.size(), GetParam().mails);
}

INSTANTIATE_TEST_SUITE_P(Rfc2920, GroupTest, testing::ValuesIn(kGroups),
                         [](const auto& group) { return std::string(group.param.name); });

// --- every reply --------------------------------------------------------------------------------

// The row that a reply was made from.
std::optional<ReplyId> row_of(std::string_view reply) {
  for (const ReplyRow& row : kReplies) {
    BlockPool replies(kReplyBufferBytes, 1);
    ReplyBuffer out(replies);
    const bool names_mail = row.id == ReplyId::mail_accepted;
    const auto queue_id = format_queue_id(1);
    // A count of octets is as it is in the reply.
    const bool names_octets = row.id == ReplyId::chunk_taken && reply.ends_with(" octets received");
    const std::string_view octets =
        names_octets ? reply.substr(10, reply.find(" octets") - 10) : ""sv;
    out.add(row.id, names_mail ? queue_id.view() : names_octets ? octets : "mx.test"sv);
    const std::string_view line = as_text(out.pending());
    if (row.id == ReplyId::ehlo_ok) {
      if (reply.starts_with("250-mx.test\r\n")) return row.id;
    } else if (line.substr(0, line.size() - 2) == reply) {
      return row.id;
    }
  }
  return std::nullopt;
}

class Coverage {
 public:
  void add(const std::string& replies) {
    for (const std::string& reply : tests::split_replies(replies)) {
      const auto row = row_of(reply);
      if (row) produced_.insert(*row);
      EXPECT_TRUE(row.has_value()) << reply;
    }
  }
  bool has(ReplyId id) const { return produced_.contains(id); }

 private:
  std::set<ReplyId> produced_;
};

void add_dialogs(Coverage& coverage, std::span<const Dialog> dialogs) {
  for (const Dialog& dialog : dialogs) {
    SessionDriver driver;
    advance(driver, dialog.from);
    driver.send(dialog.input);
    coverage.add(driver.transcript().replies);
  }
}

void add_limits(Coverage& coverage) {
  SessionDriver driver({.message_bytes_max = 10});
  advance(driver, From::data);
  driver.send("0123456789\r\n.\r\n");                   // mail_too_large
  driver.send(std::string(5000, 'x') + "\r\n");         // line_too_long
  for (int i = 0; i < 30; ++i) driver.send("WIZ\r\n");  // too_many_errors
  coverage.add(driver.transcript().replies);

  SessionDriver chunks({.options = {.line_bytes_max = 78, .hops_max = 1}});
  for (const std::string& mail :
       {std::string(79, 'x'), "Received:\r\nReceived:\r\n"s, std::string()}) {
    chunks.send("EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<r@d.test>\r\n");
    if (mail.empty()) {
      for (uint32_t i = 0; i < kEmptyChunksMax + 2; ++i) chunks.send("BDAT 0\r\n");
    } else {
      chunks.send("BDAT " + std::to_string(mail.size()) + " LAST\r\n" + mail);
    }
  }
  coverage.add(
      chunks.transcript().replies);  // text_line_too_long, too_many_hops, too_many_empty_chunks

  SessionDriver idle;
  for (uint32_t i = 0; i <= kIdleCommandsMax; ++i) idle.send("NOOP\r\n");
  coverage.add(idle.transcript().replies);  // too_many_idle_commands

  SessionDriver greedy;
  advance(greedy, From::rcpt);
  for (uint32_t i = 0; i < kRecipientsDefault; ++i) greedy.send("RCPT TO:<x@d.test>\r\n");
  coverage.add(greedy.transcript().replies);  // too_many_recipients

  SessionDriver poor({.transaction_blocks = 1});
  advance(poor, From::mail);
  for (int i = 0; i < 1000; ++i) poor.send("RCPT TO:<x@d.test>\r\n");
  coverage.add(poor.transcript().replies);  // too_many_open

  SessionDriver counted({.options = {.mails_max = 1}});
  advance(counted, From::data);
  counted.send(".\r\nMAIL FROM:<a@b>\r\n");
  coverage.add(counted.transcript().replies);  // too_many_mails
}

void add_prdr(Coverage& coverage) {
  for (const bool is_refused : {false, true}) {
    SessionRules rules{.options = {.prdr = true}};
    if (is_refused) rules.recipient_refusals["r@d.test"] = ReplyId::relay_denied;
    SessionDriver driver(rules);
    driver.send("EHLO c.test\r\nMAIL FROM:<> PRDR\r\nRCPT TO:<r@d.test>\r\nBDAT 0 LAST\r\n");
    coverage.add(driver.transcript().replies);
  }
}

void add_starttls(Coverage& coverage) {
  SessionRules rules{.client = {.offers_tls = true, .needs_tls = true}};
  SessionDriver driver(rules);
  driver.send("RSET\r\n");
  driver.send("STARTTLS\r\n");
  driver.send("STARTTLS\r\n");
  coverage.add(driver.transcript().replies);  // tls_needed, tls_begins, tls_is_on
  SessionDriver hasty(rules);
  hasty.send("STARTTLS\r\nRSET\r\n");
  coverage.add(hasty.transcript().replies);  // octets_behind_starttls
  SessionDriver late(rules.refusing(Question::tls, ReplyId::too_many_handshakes));
  late.send("STARTTLS\r\n");
  coverage.add(late.transcript().replies);
}

// What a driver says of clients that it knows.
constexpr std::pair<Question, ReplyId> kClientVerdicts[] = {
    {Question::connect, ReplyId::client_blocked},
    {Question::connect, ReplyId::too_many_connections},
    {Question::mail, ReplyId::message_rate},
    {Question::recipient, ReplyId::recipient_rate},
    {Question::recipient, ReplyId::too_many_unknown_recipients},
};

void add_verdicts(Coverage& coverage) {
  SessionDriver relay({.domains = {"e.test"}});
  advance(relay, From::data);
  coverage.add(relay.transcript().replies);  // relay_denied, no_valid_recipients
  SessionDriver stranger;
  stranger.send("XCLIENT ADDR=192.0.2.1\r\n");
  coverage.add(stranger.transcript().replies);  // xclient_denied
  SessionDriver hasty({.client = {.refuse_early = true}});
  hasty.send("NOOP\r\nNOOP\r\n");
  coverage.add(hasty.transcript().replies);  // early_talker
  for (const auto& [question, reply] : kClientVerdicts) {
    SessionDriver driver(SessionRules{}.refusing(question, reply));
    advance(driver, From::data);
    coverage.add(driver.transcript().replies);
  }
  for (const ReplyId reply : {ReplyId::spool_failed, ReplyId::spool_full}) {
    SessionDriver driver({.commit_refusal = reply});
    advance(driver, From::data);
    driver.send(".\r\n");
    coverage.add(driver.transcript().replies);
  }
  for (const ReplyId reply : {ReplyId::service_closing, ReplyId::too_many_sessions,
                              ReplyId::overloaded, ReplyId::timed_out}) {
    SessionDriver driver;
    driver.terminate(reply);
    coverage.add(driver.transcript().replies);
  }
}

TEST(ServerSessionTest, AVerdictOf421Ends) {
  for (const Question question :
       {Question::connect, Question::helo, Question::mail, Question::recipient, Question::data}) {
    SessionDriver driver(SessionRules{}.refusing(question, ReplyId::too_many_unknown_recipients));
    advance(driver, From::data);
    driver.send("NOOP\r\n");
    const std::string& replies = driver.transcript().replies;
    EXPECT_TRUE(driver.transcript().closed) << int(question);
    EXPECT_TRUE(replies.ends_with("421 4.7.0 too many unknown recipients, try again later\r\n"))
        << replies;
  }
}

TEST(ServerSessionTest, OnlyErrorsCountAsErrors) {
  SessionDriver driver(SessionRules{}.refusing(Question::mail, ReplyId::message_rate));
  driver.send("EHLO x.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n");
  EXPECT_EQ(driver.session().refusals().count, 2u);
  EXPECT_EQ(driver.session().refusals().errors, 0u) << "RCPT was pipelined";
  driver.send("NONSENSE\r\n");
  EXPECT_EQ(driver.session().refusals().count, 3u);
  EXPECT_EQ(driver.session().refusals().errors, 1u);
}

// A row that nothing produces is a reply that no peer can get, or one without a test.
// Of one block: what ENVID has while its transaction lasts, recipients and PRDR cannot have.
TEST(ServerSessionTest, EnvidHasABlockOfTheTransactions) {
  const auto codes_of = [](std::string_view input) {
    SessionDriver driver({.transaction_blocks = 1, .options = {.prdr = true}});
    advance(driver, From::greeted);
    std::string codes;
    for (const std::string& reply : tests::split_replies(replies_to(driver, input))) {
      codes += reply.substr(0, 3) + " ";
    }
    return codes;
  };
  EXPECT_EQ(codes_of("MAIL FROM:<a@b> ENVID=x\r\nRCPT TO:<r@d.test>\r\n"
                     "RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<r@d.test>\r\n"),
            "250 452 250 250 250 ");
  EXPECT_EQ(codes_of("MAIL FROM:<a@b> ENVID=x PRDR\r\nMAIL FROM:<a@b> PRDR\r\nRSET\r\n"
                     "MAIL FROM:<a@b>\r\nRCPT TO:<r@d.test>\r\n"),
            "452 250 250 250 250 ");
}

TEST(RepliesTest, EveryRowIsProduced) {
  Coverage coverage;
  add_dialogs(coverage, kOrder);
  add_dialogs(coverage, kSyntax);
  add_dialogs(coverage, kPaths);
  add_dialogs(coverage, kSmtputf8);
  add_dialogs(coverage, kParameters);
  add_dialogs(coverage, kMailData);
  add_dialogs(coverage, kChunks);
  add_limits(coverage);
  add_verdicts(coverage);
  add_prdr(coverage);
  add_starttls(coverage);
  for (const ReplyRow& row : kReplies) {
    EXPECT_TRUE(coverage.has(row.id)) << row.code << ' ' << row.text;
  }
}

}  // namespace
}  // namespace mailrace::core
