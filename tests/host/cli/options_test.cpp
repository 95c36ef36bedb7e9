#include "cli/options.hpp"

#include <doctest/doctest.h>

using namespace tau::host;

namespace {

ParsedOptions parse(std::vector<std::string> arguments) { return parse_options(arguments, "1.2.3"); }

Options parsed(std::vector<std::string> arguments) {
  const ParsedOptions result = parse(std::move(arguments));
  INFO(result.text);
  REQUIRE(result.options.has_value());
  return *result.options;
}

void check_refused(std::vector<std::string> arguments, const std::string& named) {
  CAPTURE(named);
  const ParsedOptions result = parse(std::move(arguments));
  CHECK_FALSE(result.options.has_value());
  CHECK(result.exit_code == 2);
  CHECK(result.text.find(named) != std::string::npos);
  CHECK(result.text.find("Usage: tau") != std::string::npos);
}

using Paths = std::vector<std::filesystem::path>;

}  // namespace

TEST_CASE("no argument at all runs what discovery finds") {
  const Options options = parsed({});
  CHECK(options.command == Command::run);
  CHECK(options.plugins.empty());
  CHECK(options.requests == 1);
}

TEST_CASE("--plugin may be repeated and keeps the order") {
  CHECK(parsed({"--plugin", "b", "--plugin", "a"}).plugins == Paths{"b", "a"});
  CHECK(parsed({"--plugin", "b", "a"}).plugins == Paths{"b", "a"});
  CHECK(parsed({"--plugin=with blank"}).plugins == Paths{"with blank"});
}

TEST_CASE("run takes paths, and options on either side") {
  const Options options = parsed({"--patches", "p", "run", "x", "y z", "--requests", "0"});
  CHECK(options.command == Command::run);
  CHECK(options.plugins == Paths{"x", "y z"});
  CHECK(options.patches == "p");
  CHECK(options.requests == 0);
}

TEST_CASE("run and --plugin together run both") {
  CHECK(parsed({"--plugin", "a", "run", "b"}).plugins == Paths{"a", "b"});
}

TEST_CASE("script takes a file or standard input") {
  CHECK(parsed({"script", "f"}).command == Command::script);
  CHECK(parsed({"script", "f"}).script == "f");
  CHECK(parsed({"script"}).script.empty());
  CHECK(parsed({"script", "-"}).script.empty());
  CHECK(parsed({"script", "f", "--patches", "p"}).patches == "p");
}

TEST_CASE("cache lists unless told to clean") {
  CHECK(parsed({"cache"}).command == Command::cache);
  CHECK(parsed({"cache"}).cache_action == CacheAction::list);
  CHECK(parsed({"cache", "list"}).cache_action == CacheAction::list);
  CHECK(parsed({"cache", "clean"}).cache_action == CacheAction::clean);
}

TEST_CASE("install and info are commands") {
  CHECK(parsed({"install", "user/repo"}).command == Command::install);
  CHECK(parsed({"install", "user/repo"}).install_source == "user/repo");
  CHECK(parsed({"--info"}).command == Command::info);
}

TEST_CASE("version and help end well and say so") {
  CHECK(parse({"--version"}).text == "tau 1.2.3\n");
  CHECK(parse({"--version"}).exit_code == 0);
  CHECK_FALSE(parse({"--version"}).options.has_value());
  const ParsedOptions help = parse({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* word : {"--plugin", "--requests", "--patches", "--info", "run", "script", "cache", "install"}) {
    CAPTURE(word);
    CHECK(help.text.find(word) != std::string::npos);
  }
  CHECK(parse({"script", "--help"}).text.find("FILE") != std::string::npos);
}

TEST_CASE("what makes no sense is refused by name, with the usage") {
  check_refused({"--bogus"}, "--bogus");
  check_refused({"frobnicate"}, "frobnicate");
  check_refused({"run", "x", "--bogus"}, "--bogus");
  check_refused({"--requests", "many"}, "many");
  check_refused({"--requests", "-1"}, "-1");
  check_refused({"--plugin"}, "--plugin needs a value");
  check_refused({"--requests"}, "--requests needs a value");
  check_refused({"--plugin", ""}, "empty");
  check_refused({"install"}, "SOURCE");
  check_refused({"script", "a", "b"}, "b");
  check_refused({"cache", "burn"}, "burn");
  check_refused({"--plugin", "a", "cache"}, "cache");
  check_refused({"--plugin", "a", "--info"}, "--info");
  check_refused({"--info", "run", "a"}, "--info");
}

TEST_CASE("bench takes names, how often, how much of it, and how to print it") {
  Options options = parsed({"bench"});
  CHECK(options.command == Command::bench);
  CHECK(options.bench.names.empty());
  CHECK(options.bench.repeat == 1);
  CHECK(options.bench.scale == 1);
  options = parsed({"bench", "yield", "mutex", "--json", "--repeat", "7", "--scale", "0.25"});
  CHECK(options.bench.names == std::vector<std::string>{"yield", "mutex"});
  CHECK(options.bench.json);
  CHECK(options.bench.repeat == 7);
  CHECK(options.bench.scale == 0.25);
  CHECK(parsed({"bench", "--list"}).bench.list);
}

TEST_CASE("a server of the bench takes a port, and each bench a backend") {
  Options options = parsed({"bench", "echo", "--port", "7000", "--reactor", "epoll"});
  CHECK(options.bench.port == 7000);
  CHECK(options.bench.reactor == "epoll");
  options = parsed({"bench", "echo"});
  CHECK_FALSE(options.bench.port.has_value());
  CHECK(options.bench.reactor.empty());
  for (const char* port : {"-1", "65536", "999999999999", "http", ""}) {
    check_refused({"bench", "echo", "--port", port}, "--port");
  }
  check_refused({"bench", "--port", "7000"}, "--port");
  check_refused({"bench", "echo", "http", "--port", "7000"}, "--port");
}

TEST_CASE("a bench that would do nothing, or more than there is, is refused") {
  check_refused({"bench", "yield", "--repeat", "0"}, "--repeat");
  for (const char* scale : {"0", "-1", "2", "nan", "much", ""}) check_refused({"bench", "--scale", scale}, "--scale");
  check_refused({"bench", "--here"}, "--here");
  check_refused({"bench", "--plugin", "p"}, "--plugin");
}
