#include "cli/script.hpp"

#include <doctest/doctest.h>

using namespace tau::host;
using namespace std::chrono_literals;

namespace {

using Arguments = std::vector<std::string>;

ScriptCommand only_command(std::string_view text) {
  const Script script = parse_script(text, "s");
  INFO((script.errors.empty() ? "" : script.errors.front()));
  REQUIRE(script.errors.empty());
  REQUIRE(script.commands.size() == 1);
  return script.commands.front();
}

std::string only_error(std::string_view text) {
  const Script script = parse_script(text, "s");
  CHECK(script.commands.empty());
  REQUIRE(script.errors.size() == 1);
  return script.errors.front();
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("comments, blank lines and carriage returns are nothing") {
  const Script script = parse_script("# one\n\n  \t# two\r\n\r\n", "s");
  CHECK(script.commands.empty());
  CHECK(script.errors.empty());
}

TEST_CASE("commands keep their order and their lines") {
  const Script script = parse_script("# first\nload a\n\nunload a # gone\r\nassert_unmapped a", "s");
  REQUIRE(script.errors.empty());
  REQUIRE(script.commands.size() == 3);
  CHECK(script.commands[0].verb == ScriptVerb::load);
  CHECK(script.commands[0].line == 2);
  CHECK(script.commands[1].verb == ScriptVerb::unload);
  CHECK(script.commands[1].arguments == Arguments{"a"});
  CHECK(script.commands[1].line == 4);
  CHECK(script.commands[2].verb == ScriptVerb::assert_unmapped);
  CHECK(script.commands[2].line == 5);
}

TEST_CASE("every verb has a name that reads back as itself") {
  for (const ScriptVerb verb :
       {ScriptVerb::load, ScriptVerb::unload, ScriptVerb::reload, ScriptVerb::send, ScriptVerb::assert_resource,
        ScriptVerb::assert_no_resource, ScriptVerb::assert_unmapped, ScriptVerb::print}) {
    CHECK(only_command(std::string(verb_name(verb)) + " x").verb == verb);
  }
  CHECK(only_command("sleep 1s").verb == ScriptVerb::sleep);
  CHECK(only_command("drive").verb == ScriptVerb::drive);
}

TEST_CASE("quotes keep blanks, hashes and each other") {
  CHECK(only_command(R"(load "my plugins/a #1")").arguments == Arguments{"my plugins/a #1"});
  CHECK(only_command(R"(send p '{"a": "b c"}')").arguments == Arguments{"p", R"({"a": "b c"})"});
  CHECK(only_command(R"(print "say \"hi\"\n\\" 'a\n')").arguments == Arguments{"say \"hi\"\n\\", "a\\n"});
  CHECK(only_command(R"(print a"b c"d '')").arguments == Arguments{"ab cd", ""});
  CHECK(only_command("print a#b #c").arguments == Arguments{"a#b"});
}

TEST_CASE("durations have units, milliseconds if none") {
  CHECK(only_command("sleep 50ms").duration == 50ms);
  CHECK(only_command("sleep 2s").duration == 2s);
  CHECK(only_command("sleep 100us").duration == 100us);
  CHECK(only_command("sleep 7ns").duration == 7ns);
  CHECK(only_command("drive 20").duration == 20ms);
  CHECK(only_command("drive").duration == 0ns);
}

TEST_CASE("a bad line is reported with its number and the remedy, and the rest is still read") {
  const Script script = parse_script("load a\nlod b\nprint ok\nload\n", "dir/x.tau");
  CHECK(script.commands.size() == 2);
  REQUIRE(script.errors.size() == 2);
  CHECK(script.errors[0].starts_with("dir/x.tau:2: there is no command 'lod'"));
  CHECK(contains(script.errors[0], "assert_unmapped"));
  CHECK(script.errors[1] == "dir/x.tau:4: 'load' is used as: load PATH");
}

TEST_CASE("wrong numbers of words, open quotes and odd durations are errors") {
  CHECK(contains(only_error("load a b"), "load PATH"));
  CHECK(contains(only_error("send"), "send NAME [PAYLOAD]"));
  CHECK(contains(only_error("print \"x"), "stays open"));
  CHECK(contains(only_error("print 'x"), "stays open"));
  CHECK(contains(only_error("print \"x\\"), "stays open"));
  for (const char* odd : {"soon", "-1s", "5m", "1.5s", "ms", "99999999999999999999s", "10000000000s"}) {
    CAPTURE(odd);
    CHECK(contains(only_error(std::string("sleep ") + odd), odd));
  }
}
