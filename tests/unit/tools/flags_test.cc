// SPDX-License-Identifier: GPL-3.0-or-later
// One table, four sources: precedence, and the exact line that every mistake gets.
#include "tools/lib/flags.h"

#include "tests/support/temporary_directory.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/flag_text.h"
#include "tools/lib/flag_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace mailrace::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

enum class Durability : uint8_t { sync, none };

/// A table with a row of every type.
struct Targets {
  std::vector<std::string> listen = {"127.0.0.1:2525"};
  uint32_t workers = 0;
  uint64_t message_bytes_max = 64ull << 20;
  core::Duration window = core::milliseconds(2);
  Durability durability = Durability::sync;
  std::string hostname;
  std::string spool = "/var/spool/mailrace";
  bool pipelining = true;
  bool verbose = false;
  std::string mail;
  std::vector<std::string> more;

  std::vector<Flag> rows() {
    const TextRule address = {"ADDR:PORT, port 1 to 65535",
                              [](std::string_view text) { return text.find(':') != text.npos; }};
    return {
        list_flag("listen", &listen, "ADDR:PORT", "where to accept SMTP", address),
        number_flag("workers", &workers, "N", {0, 1024, "0 means all cores"},
                    "threads, one ring each"),
        bytes_flag("max-message-size", &message_bytes_max, {64 << 10, 1ull << 40},
                   "largest mail, RFC 1870"),
        duration_flag("commit-window", &window, {{}, core::seconds(1)},
                      "how long a sync may wait for company"),
        choice_flag("durability", &durability, "MODE",
                    {{"sync", Durability::sync}, {"none", Durability::none}}, "what 250 promises"),
        text_flag("hostname", &hostname, "NAME", "how we greet"),
        text_flag("spool", &spool, "DIR", "where mail goes"),
        negatable_flag("pipelining", &pipelining, "offer PIPELINING"),
        switch_flag("verbose", &verbose, "say more"),
        positional(text_flag("MAIL", &mail, "", "which mail")),
        positional(list_flag("MORE", &more, "", "further mails")),
    };
  }
};

class FlagsTest : public testing::Test {
 protected:
  void write_config(std::string_view text) const {
    std::ofstream(config_, std::ios::binary) << text;
  }
  /// Parses into fresh targets.
  ParseResult parse(const std::vector<std::string>& arguments) {
    targets_ = {};
    const auto rows = targets_.rows();
    return parse_arguments("serve", "accept mail", rows, arguments, [this](const auto& name) {
      const auto at = environment_.find(name);
      return at == environment_.end() ? std::nullopt : std::optional<std::string>(at->second);
    });
  }
  /// The line on stderr without "mailrace serve: ", its end and the config file's directory.
  std::string mistake(const std::vector<std::string>& arguments) {
    const ParseResult result = parse(arguments);
    EXPECT_FALSE(result.outcome.proceed);
    EXPECT_EQ(result.outcome.exit_code, kExitUsage);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    constexpr std::string_view kPrefix = "mailrace serve: ";
    EXPECT_TRUE(result.err.starts_with(kPrefix)) << result.err;
    if (!result.err.ends_with('\n') || !result.err.starts_with(kPrefix)) return result.err;
    std::string line = result.err.substr(kPrefix.size());
    line.pop_back();
    const std::string directory = directory_.path() + "/";
    const size_t at = line.find(directory);
    return at == std::string::npos ? line : line.erase(at, directory.size());
  }
  std::string config_mistake(std::string_view text) {
    write_config(text);
    return mistake({"--config", config_});
  }

  Targets targets_;
  std::map<std::string, std::string> environment_;
  tests::TemporaryDirectory directory_;
  std::string config_ = directory_.path() + "/m.toml";
};

// --- the command line ----------------------------------------------------------------------------

TEST_F(FlagsTest, NothingGivenLeavesTheDefaults) {
  EXPECT_TRUE(parse({}).outcome.proceed);
  EXPECT_THAT(targets_.listen, ElementsAre("127.0.0.1:2525"));
  EXPECT_EQ(targets_.workers, 0u);
  EXPECT_TRUE(targets_.pipelining);
}

TEST_F(FlagsTest, EveryTypeIsSetFromTheCommandLine) {
  const ParseResult result =
      parse({"--listen", "[::1]:25", "--listen=*:26", "--workers=8", "--max-message-size", "25MB",
             "--commit-window", "250us", "--durability", "none", "--hostname", "mx.example.test",
             "--no-pipelining", "--verbose", "one", "two", "three"});
  ASSERT_TRUE(result.outcome.proceed) << result.err;
  EXPECT_THAT(targets_.listen, ElementsAre("[::1]:25", "*:26"));
  EXPECT_EQ(targets_.workers, 8u);
  EXPECT_EQ(targets_.message_bytes_max, 25'000'000u);
  EXPECT_EQ(targets_.window, core::microseconds(250));
  EXPECT_EQ(targets_.durability, Durability::none);
  EXPECT_EQ(targets_.hostname, "mx.example.test");
  EXPECT_FALSE(targets_.pipelining);
  EXPECT_TRUE(targets_.verbose);
  EXPECT_EQ(targets_.mail, "one");
  EXPECT_THAT(targets_.more, ElementsAre("two", "three"));
}

TEST_F(FlagsTest, ValuesThatTrickParsersArriveAsTheyAre) {
  const ParseResult result =
      parse({"--spool", "-dash", "--listen", "[a:1,b:2]", "--hostname=", "first", "--", "--verbose",
             "[x,y]", "-5", "--"});
  ASSERT_TRUE(result.outcome.proceed) << result.err;
  EXPECT_EQ(targets_.spool, "-dash");
  EXPECT_THAT(targets_.listen, ElementsAre("[a:1,b:2]"));
  EXPECT_EQ(targets_.hostname, "");
  EXPECT_EQ(targets_.mail, "first");
  EXPECT_THAT(targets_.more, ElementsAre("--verbose", "[x,y]", "-5", "--"));
  EXPECT_FALSE(targets_.verbose);
}

TEST_F(FlagsTest, ALoneHyphenIsAnArgument) {
  ASSERT_TRUE(parse({"-"}).outcome.proceed);
  EXPECT_EQ(targets_.mail, "-");
}

struct Mistake {
  const char* name;
  std::vector<std::string> arguments;
  const char* line;
};

const Mistake kMistakes[] = {
    {"out_of_range",
     {"--workers", "99999"},
     "--workers: '99999' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"negative",
     {"--workers=-1"},
     "--workers: '-1' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"past_64_bits",
     {"--workers", "18446744073709551616"},
     "--workers: '18446744073709551616' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"trailing_text",
     {"--workers", "4x"},
     "--workers: '4x' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"empty_number",
     {"--workers="},
     "--workers: '' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"size_below",
     {"--max-message-size", "1"},
     "--max-message-size: '1' is not allowed (allowed: 64KiB to 1TiB)"},
    {"size_unit",
     {"--max-message-size", "5XB"},
     "--max-message-size: '5XB' is not allowed (the unit is none of K M G T, KiB MiB GiB TiB, "
     "KB MB GB TB; allowed: 64KiB to 1TiB)"},
    {"size_overflow",
     {"--max-message-size", "99999999999T"},
     "--max-message-size: '99999999999T' is not allowed (the number is too large; allowed: "
     "64KiB to 1TiB)"},
    {"duration_without_unit",
     {"--commit-window", "30"},
     "--commit-window: '30' is not allowed (the unit is missing: us, ms, s, m or h; allowed: 0 "
     "to 1s)"},
    {"duration_unit",
     {"--commit-window", "3d"},
     "--commit-window: '3d' is not allowed (the unit is none of us, ms, s, m, h; allowed: 0 to "
     "1s)"},
    {"duration_above",
     {"--commit-window", "1001ms"},
     "--commit-window: '1001ms' is not allowed (allowed: 0 to 1s)"},
    {"duration_no_number",
     {"--commit-window", "fast"},
     "--commit-window: 'fast' is not allowed (it does not begin with a number; allowed: 0 to "
     "1s)"},
    {"choice",
     {"--durability", "Sync"},
     "--durability: 'Sync' is not allowed (allowed: sync or none)"},
    {"rule",
     {"--listen", "2525"},
     "--listen: '2525' is not allowed (allowed: ADDR:PORT, port 1 to 65535)"},
    {"empty_text", {"--spool", ""}, "--spool: '' is not allowed (it is empty)"},
    {"control_characters",
     {"--hostname", "a\nb\x7f"},
     "--hostname: 'a\\x0ab\\x7f' is not allowed (it is not UTF-8 without control characters)"},
    {"no_utf8",
     {"--hostname", "\xc0\xaf"},
     "--hostname: '\xc0\xaf' is not allowed (it is not UTF-8 without control characters)"},
    {"unknown_near", {"--worker", "3"}, "unknown flag '--worker'; did you mean --workers?"},
    {"unknown_near_with_value", {"--lisen=a:1"}, "unknown flag '--lisen'; did you mean --listen?"},
    {"unknown_near_negation",
     {"--no-pipelinig"},
     "unknown flag '--no-pipelinig'; did you mean --no-pipelining?"},
    {"unknown_far", {"--frobnicate"}, "unknown flag '--frobnicate'; see --help"},
    {"unknown_short", {"-x"}, "unknown flag '-x'; see --help"},
    {"unknown_no_form", {"--no-verbose"}, "unknown flag '--no-verbose'; did you mean --verbose?"},
    {"twice", {"--workers", "1", "--workers", "1"}, "--workers is given 2 times, once is allowed"},
    {"switch_and_its_no_form",
     {"--pipelining", "--no-pipelining"},
     "--pipelining is given 2 times, once is allowed"},
    {"config_twice",
     {"--config", "a", "--config", "b"},
     "--config is given 2 times, once is allowed"},
    {"value_missing_at_the_end", {"--workers"}, "--workers: a value is missing"},
    {"value_missing_before_a_flag",
     {"--spool", "--listen", "a:1"},
     "--spool: a value is missing before '--listen'"},
    {"switch_with_odd_value",
     {"--pipelining=maybe"},
     "--pipelining: 'maybe' is not allowed (allowed: true or false)"},
    {"plus_plus", {"a", "++", "--workers", "1"}, "unexpected argument '++'"},
    {"non_default_alone", {"--non-default"}, "--non-default goes with --print-config only"},
    {"config_missing", {"--config", "/nowhere/m.toml"}, "/nowhere/m.toml: no such file"},
    {"one_of_a_list",
     {"--listen", "a:1", "--listen", "b"},
     "--listen: 'b' is not allowed (allowed: ADDR:PORT, port 1 to 65535)"},
};

TEST_F(FlagsTest, EveryMistakeIsOneLineThatNamesIt) {
  for (const Mistake& row : kMistakes) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(mistake(row.arguments), row.line);
  }
}

TEST_F(FlagsTest, LongValuesAreCutInMessages) {
  EXPECT_EQ(mistake({"--workers", std::string(5000, '9')}),
            "--workers: '" + std::string(100, '9') +
                "...' is not allowed (allowed: 0 to 1024; 0 means all cores)");
}

TEST_F(FlagsTest, ArgumentsBeyondTheTableAreUnexpected) {
  std::string only;
  const std::vector<Flag> rows = {positional(text_flag("DIR", &only, "", "where"))};
  const auto none = [](const std::string&) { return std::nullopt; };
  const ParseResult result = parse_arguments("spool list", "list mails", rows, {"a", "b"}, none);
  EXPECT_EQ(result.outcome.exit_code, kExitUsage);
  EXPECT_EQ(result.err, "mailrace spool list: unexpected argument 'b'\n");
}

TEST_F(FlagsTest, RequiredRowsMustBeGiven) {
  std::string spool;
  std::string mail;
  const std::vector<Flag> rows = {required(text_flag("spool-dir", &spool, "DIR", "where")),
                                  required(positional(text_flag("MAIL", &mail, "", "which")))};
  const auto none = [](const std::string&) { return std::nullopt; };
  const auto error = [&](const std::vector<std::string>& arguments) {
    spool.clear();
    mail.clear();
    return parse_arguments("spool show", "show", rows, arguments, none).err;
  };
  EXPECT_EQ(error({"m"}),
            "mailrace spool show: --spool-dir is missing (or MAILRACE_SPOOL_DIR, or spool-dir in "
            "the config file)\n");
  EXPECT_EQ(error({"--spool-dir", "d"}), "mailrace spool show: MAIL is missing; see --help\n");
  EXPECT_EQ(error({"--spool-dir", "d", "m"}), "");
}

// --- environment, config file, precedence --------------------------------------------------------

TEST_F(FlagsTest, CommandLineBeatsEnvironmentBeatsFileBeatsDefault) {
  write_config("workers = 1\nspool = \"file\"\nhostname = \"file\"\nlisten = [\"f:1\", \"f:2\"]\n");
  environment_ = {
      {"MAILRACE_CONFIG", config_}, {"MAILRACE_WORKERS", "2"}, {"MAILRACE_SPOOL", "environment"}};
  ASSERT_TRUE(parse({"--workers", "3"}).outcome.proceed);
  EXPECT_EQ(targets_.workers, 3u);
  EXPECT_EQ(targets_.spool, "environment");
  EXPECT_EQ(targets_.hostname, "file");
  EXPECT_THAT(targets_.listen, ElementsAre("f:1", "f:2"));
  EXPECT_EQ(targets_.durability, Durability::sync);
}

TEST_F(FlagsTest, AHigherSourceReplacesAWholeList) {
  write_config("listen = [\"f:1\", \"f:2\"]\n");
  environment_ = {{"MAILRACE_LISTEN", "e:1,e:2,e:3"}};
  ASSERT_TRUE(parse({"--config", config_}).outcome.proceed);
  EXPECT_THAT(targets_.listen, ElementsAre("e:1", "e:2", "e:3"));
  ASSERT_TRUE(parse({"--config", config_, "--listen", "c:1"}).outcome.proceed);
  EXPECT_THAT(targets_.listen, ElementsAre("c:1"));
}

TEST_F(FlagsTest, AnOptionInTheEnvironmentStaysWithItsValue) {
  targets_ = {};
  const std::vector<Flag> rows = {with_options(
      list_flag("listen", &targets_.listen, "ADDR:PORT[,OPTIONS]", "where to accept SMTP"))};
  const auto listen = [&](const std::string& value) {
    const auto environment = [&](const std::string& name) {
      return name == "MAILRACE_LISTEN" ? std::optional(value) : std::nullopt;
    };
    EXPECT_TRUE(parse_arguments("serve", "accept mail", rows, {}, environment).outcome.proceed);
    return targets_.listen;
  };
  EXPECT_THAT(listen("e:1,durability=disk,x-y=,e:2"),
              ElementsAre("e:1,durability=disk,x-y=", "e:2"));
  EXPECT_THAT(listen("durability=disk,e:1"), ElementsAre("durability=disk", "e:1"));
  EXPECT_THAT(listen("e:1,=1,[::1]:2=3"), ElementsAre("e:1", "=1", "[::1]:2=3"));
  // A row whose values have no options takes every piece for a value.
  environment_ = {{"MAILRACE_LISTEN", "e:1,a=:2"}};
  ASSERT_TRUE(parse({}).outcome.proceed);
  EXPECT_THAT(targets_.listen, ElementsAre("e:1", "a=:2"));
}

TEST_F(FlagsTest, SwitchesInTheEnvironment) {
  environment_ = {{"MAILRACE_PIPELINING", "0"}, {"MAILRACE_VERBOSE", "true"}};
  ASSERT_TRUE(parse({}).outcome.proceed);
  EXPECT_FALSE(targets_.pipelining);
  EXPECT_TRUE(targets_.verbose);
  ASSERT_TRUE(parse({"--pipelining"}).outcome.proceed);
  EXPECT_TRUE(targets_.pipelining);
}

TEST_F(FlagsTest, AnEmptyVariableIsNotSet) {
  environment_ = {{"MAILRACE_WORKERS", ""}, {"MAILRACE_LISTEN", ""}, {"MAILRACE_CONFIG", ""}};
  ASSERT_TRUE(parse({}).outcome.proceed);
  EXPECT_THAT(targets_.listen, ElementsAre("127.0.0.1:2525"));
}

TEST_F(FlagsTest, MistakesInTheEnvironmentNameTheVariable) {
  environment_ = {{"MAILRACE_WORKERS", "many"}};
  EXPECT_EQ(mistake({"--workers", "1"}),
            "environment MAILRACE_WORKERS: 'many' is not allowed (allowed: 0 to 1024; 0 means all "
            "cores)");
  environment_ = {{"MAILRACE_LISTEN", "a:1,,b:2"}};
  EXPECT_EQ(mistake({}),
            "environment MAILRACE_LISTEN: '' is not allowed (it is empty; allowed: ADDR:PORT, port "
            "1 to 65535)");
}

TEST_F(FlagsTest, EveryTypeIsSetFromTheFile) {
  write_config(
      "workers = 7\nmax-message-size = 26214400\ncommit-window = \"1ms\"\ndurability = 'none'\n"
      "pipelining = false\nlisten = \"only:1\"\n[load]\nrate = 5\n[serve]\nworkers = 9\n");
  const ParseResult result = parse({"--config", config_});
  ASSERT_TRUE(result.outcome.proceed) << result.err;
  EXPECT_EQ(targets_.workers, 9u);  // the table wins over the top
  EXPECT_EQ(targets_.message_bytes_max, 25ull << 20);
  EXPECT_EQ(targets_.window, core::milliseconds(1));
  EXPECT_EQ(targets_.durability, Durability::none);
  EXPECT_FALSE(targets_.pipelining);
  EXPECT_THAT(targets_.listen, ElementsAre("only:1"));
}

struct ConfigMistake {
  const char* text;
  const char* line;
};

constexpr ConfigMistake kConfigMistakes[] = {
    {"\n\nworkers = 99999\n",
     "m.toml:3:1: workers: '99999' is not allowed (allowed: 0 to 1024; 0 means all cores)"},
    {"workers = \"4\"\n",
     "m.toml:1:1: workers: '4' is not allowed (a number is needed; allowed: 0 to 1024; 0 means "
     "all cores)"},
    {"workers = 1.5\n",
     "m.toml:1:1: workers: '1.5' is not allowed (a number is needed; allowed: 0 to 1024; 0 means "
     "all cores)"},
    {"workers = [1]\n", "m.toml:1:1: workers: an array is not allowed, a number is needed"},
    {"hostname = 5\n", "m.toml:1:1: hostname: '5' is not allowed (a text in quotes is needed)"},
    {"commit-window = 30\n",
     "m.toml:1:1: commit-window: '30' is not allowed (the unit is missing: us, ms, s, m or h; "
     "allowed: 0 to 1s)"},
    {"commit-window = true\n",
     "m.toml:1:1: commit-window: 'true' is not allowed (a text in quotes or a number is needed; "
     "allowed: 0 to 1s)"},
    {"pipelining = \"true\"\n",
     "m.toml:1:1: pipelining: 'true' is not allowed (true or false is needed, without quotes; "
     "allowed: true or false)"},
    {"listen = [\n  \"a:1\",\n  \"b\"]\n",
     "m.toml:3:3: listen: 'b' is not allowed (allowed: ADDR:PORT, port 1 to 65535)"},
    {"listen = [\"a:1\", 2]\n",
     "m.toml:1:18: listen: '2' is not allowed (a text in quotes is needed; allowed: ADDR:PORT, "
     "port 1 to 65535)"},
    {"spool = \"a\"\n worker = 3\n", "m.toml:2:2: unknown key 'worker'; did you mean workers?"},
    {"frobnicate = 3\n", "m.toml:1:1: unknown key 'frobnicate'"},
    {"config = \"x\"\n", "m.toml:1:1: unknown key 'config'"},
    {"MAIL = \"x\"\n", "m.toml:1:1: unknown key 'MAIL'"},
    {"\"a\\nb\" = 3\n", "m.toml:1:1: unknown key 'a\\x0ab'"},
    {"[srve]\nworkers = 1\n", "m.toml:1:2: unknown table 'srve'; did you mean serve?"},
    {"[workers]\n", "m.toml:1:2: workers: a table is not allowed here"},
    {"[serve]\nwrkers = 1\n", "m.toml:2:1: unknown key 'wrkers'; did you mean workers?"},
};

TEST_F(FlagsTest, EveryMistakeInTheFileNamesFileLineAndColumn) {
  for (const ConfigMistake& row : kConfigMistakes) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(config_mistake(row.text), row.line);
  }
}

TEST_F(FlagsTest, MistakesInTheFileAreReportedInItsOrder) {
  EXPECT_EQ(config_mistake("zzzzzzzzzz = 1\naaaaaaaaaa = 1\n"),
            "m.toml:1:1: unknown key 'zzzzzzzzzz'");
}

// --- text out ------------------------------------------------------------------------------------

TEST_F(FlagsTest, HelpListsTheTableInOrderWithDefaults) {
  for (const char* const help : {"--help", "-h"}) {
    const ParseResult result = parse({"--workers", "3", help});
    EXPECT_FALSE(result.outcome.proceed);
    EXPECT_EQ(result.outcome.exit_code, kExitOk);
    EXPECT_EQ(result.err, "");
    EXPECT_THAT(result.out,
                testing::StartsWith("mailrace serve: accept mail\n\nUsage: mailrace serve [FLAGS] "
                                    "[MAIL] [MORE...]\n\n  --listen ADDR:PORT          where to"));
    EXPECT_THAT(result.out, HasSubstr("(0 to 1024; 0 means all cores; default 0)\n"));
    EXPECT_THAT(result.out, HasSubstr("\n  --[no-]pipelining           offer PIPELINING (default "
                                      "on)\n"));
    EXPECT_THAT(result.out, HasSubstr("\n  --verbose                   say more\n"));
    EXPECT_THAT(result.out, HasSubstr("K M G T and KiB MiB GiB TiB count in 1024"));
    size_t last = 0;
    for (const char* const name :
         {"--listen", "--workers", "--max-message-size", "--commit-window", "--spool", "  MAIL ",
          "--config FILE", "--print-config", "--help"}) {
      const size_t at = result.out.find(name);
      ASSERT_NE(at, std::string::npos) << name;
      EXPECT_GT(at, last) << name;
      last = at;
    }
  }
}

TEST_F(FlagsTest, HelpStaysWithinAHundredColumns) {
  std::string text = "x";
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  words += "end";
  const std::vector<Flag> rows = {
      text_flag("a-name-that-is-longer-than-its-column", &text, "T", words)};
  std::istringstream help(help_text("serve", "accept mail", rows));
  std::string line;
  size_t lines = 0;
  while (std::getline(help, line)) {
    EXPECT_LE(line.size(), 100u) << line;
    ++lines;
  }
  EXPECT_GT(lines, 10u);
}

TEST_F(FlagsTest, PrintedConfigIsReadBackAsTheSameValues) {
  const std::vector<std::string> arguments = {"--listen",           "a:1",
                                              "--listen",           "b\"\\:2",
                                              "--workers",          "12",
                                              "--max-message-size", "1000001",
                                              "--commit-window",    "1500us",
                                              "--durability",       "none",
                                              "--hostname",         "h\xc3\xa9.test",
                                              "--no-pipelining"};
  auto with_print = arguments;
  with_print.emplace_back("--print-config");
  const ParseResult printed = parse(with_print);
  EXPECT_FALSE(printed.outcome.proceed);
  EXPECT_EQ(printed.outcome.exit_code, kExitOk);
  EXPECT_EQ(printed.err, "");
  EXPECT_EQ(printed.out,
            "listen = [\"a:1\", \"b\\\"\\\\:2\"]\nworkers = 12\nmax-message-size = \"1000001\"\n"
            "commit-window = \"1500us\"\ndurability = \"none\"\nhostname = \"h\xc3\xa9.test\"\n"
            "spool = \"/var/spool/mailrace\"\npipelining = false\nverbose = false\n");
  write_config(printed.out);
  const ParseResult again = parse({"--config", config_, "--print-config"});
  EXPECT_EQ(again.err, "");
  EXPECT_EQ(again.out, printed.out);
}

TEST_F(FlagsTest, PrintedDefaultsAreReadBack) {
  const ParseResult printed = parse({"--print-config"});
  write_config(printed.out);
  const ParseResult again = parse({"--config", config_, "--print-config", "--non-default"});
  EXPECT_EQ(again.err, "");
  EXPECT_EQ(again.out, "");
}

TEST_F(FlagsTest, NonDefaultPrintsOnlyWhatDiffers) {
  environment_ = {{"MAILRACE_WORKERS", "4"}, {"MAILRACE_SPOOL", "/var/spool/mailrace"}};
  EXPECT_EQ(parse({"--non-default", "--print-config"}).out, "workers = 4\n");
}

TEST_F(FlagsTest, MarkdownTableHasARowPerFlag) {
  Targets targets;
  const auto rows = targets.rows();
  const std::string table = markdown_table(rows);
  EXPECT_THAT(table, testing::StartsWith("| flag | default | what |\n| --- | --- | --- |\n"));
  EXPECT_THAT(table, HasSubstr("\n| `--workers N` | `0` | threads, one ring each (0 to 1024; 0 "
                               "means all cores) |\n"));
  EXPECT_THAT(table, HasSubstr("\n| `--hostname NAME` | | how we greet |\n"));
  EXPECT_EQ(static_cast<size_t>(std::count(table.begin(), table.end(), '\n')), rows.size() + 2);
}

TEST_F(FlagsTest, TheCommandsOwnStreamsGetTheText) {
  Targets targets;
  const auto rows = targets.rows();
  const char* const wrong[] = {"serve", "--workers", "99999"};
  testing::internal::CaptureStderr();
  const ParseOutcome outcome = parse_flags("serve", "accept mail", rows, 3, wrong);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "mailrace serve: --workers: '99999' is not allowed (allowed: 0 to 1024; 0 means all "
            "cores)\n");
  EXPECT_FALSE(outcome.proceed);
  EXPECT_EQ(outcome.exit_code, kExitUsage);

  const char* const right[] = {"serve", "--workers", "5"};
  EXPECT_TRUE(parse_flags("serve", "accept mail", rows, 3, right).proceed);
  EXPECT_EQ(targets.workers, 5u);
  EXPECT_TRUE(parse_flags("serve", "accept mail", rows, 0, nullptr).proceed);
}

// --- values --------------------------------------------------------------------------------------

TEST(FlagValuesTest, Sizes) {
  const std::pair<const char*, uint64_t> sizes[] = {{"0", 0},
                                                    {"4096", 4096},
                                                    {"7B", 7},
                                                    {"1k", 1024},
                                                    {"64KiB", 65536},
                                                    {"64kb", 64000},
                                                    {"25MB", 25000000},
                                                    {"3M", 3ull << 20},
                                                    {"1G", 1ull << 30},
                                                    {"1GB", 1000000000},
                                                    {"2TiB", 2ull << 40},
                                                    {"18446744073709551615", UINT64_MAX}};
  for (const auto& [text, bytes] : sizes) {
    SCOPED_TRACE(text);
    const auto value = parse_bytes(text);
    ASSERT_TRUE(value) << value.error();
    EXPECT_EQ(*value, bytes);
    EXPECT_EQ(parse_bytes(format_bytes(bytes)).value(), bytes);
  }
  for (const char* const text : {"", "M", "-1", "+1", " 1", "1 M", "1.5M", "1MMB", "0x10",
                                 "18446744073709551616", "16777216T"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(FlagValuesTest, Durations) {
  const std::pair<const char*, int64_t> durations[] = {{"0", 0},
                                                       {"0ms", 0},
                                                       {"15ns", 15},
                                                       {"250us", 250'000},
                                                       {"5ms", 5'000'000},
                                                       {"30s", 30'000'000'000},
                                                       {"5m", 300'000'000'000},
                                                       {"2h", 7'200'000'000'000}};
  for (const auto& [text, ns] : durations) {
    SCOPED_TRACE(text);
    const auto value = parse_duration(text);
    ASSERT_TRUE(value) << value.error();
    EXPECT_EQ(value->ns, ns);
    EXPECT_EQ(parse_duration(format_duration(*value)).value(), *value);
  }
  for (const char* const text : {"", "s", "-1s", "1.5s", "1 s", "5M", "1", "00001",
                                 "9223372036854775808ns", "9999999999h"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(FlagTextTest, EditDistance) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("flaw", "lawn"), 2u);
}

TEST(FlagTextTest, NearestIsTheClosestThatCouldBeMeant) {
  const std::vector<std::string> names = {"listen", "workers", "worker-stack", "spool"};
  EXPECT_EQ(nearest("worker", names), "workers");
  EXPECT_EQ(nearest("lsiten", names), "listen");
  EXPECT_EQ(nearest("workers", names), "workers");
  EXPECT_EQ(nearest("frobnicate", names), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'w'), names), "");
}

TEST(FlagTextTest, EnvironmentNames) {
  EXPECT_EQ(environment_name("max-message-size"), "MAILRACE_MAX_MESSAGE_SIZE");
}

}  // namespace
}  // namespace mailrace::tools
