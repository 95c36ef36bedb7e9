// bench_list and bench_figures: what can be measured, and how what was measured is told.
#include <doctest/doctest.h>

#include <string>

#include "cli/bench_figures.hpp"
#include "cli/bench_list.hpp"

using namespace tau::host;

TEST_CASE("a list names benches, the plugins that they need and what they measure") {
  const BenchList list = parse_bench_list(
      "# a comment\n"
      "\n"
      "yield = bench: a task yields\n"
      "  call=bench peer :  with: colons  # and a comment\n",
      "file");
  REQUIRE(list.error.empty());
  REQUIRE(list.entries.size() == 2);
  CHECK(list.entries[0].name == "yield");
  CHECK(list.entries[0].plugins == std::vector<std::string>{"bench"});
  const BenchEntry* call = list.find("call");
  REQUIRE(call != nullptr);
  CHECK(call->plugins == std::vector<std::string>{"bench", "peer"});
  CHECK(call->what == "with: colons");
  CHECK_FALSE(call->serves);
  CHECK(list.find("nothing") == nullptr);
}

TEST_CASE("a list names servers, each with its plugin") {
  const BenchList list = parse_bench_list("echo = serve net: what comes goes back\nserve = net: a bench of that name\n", "file");
  REQUIRE(list.error.empty());
  CHECK(list.find("echo")->serves);
  CHECK(list.find("echo")->plugins == std::vector<std::string>{"net"});
  CHECK_FALSE(list.find("serve")->serves);
}

TEST_CASE("a line that names no plugin is told with its number") {
  for (const char* line : {"yield", "yield = bench", "= bench: what", "yield = : what", "yield: bench = what",
                           "echo = serve: what"}) {
    CAPTURE(line);
    CHECK(parse_bench_list("\n" + std::string(line), "file").error ==
          "file:2: '" + std::string(line) + "' is not of the form 'name = plugins: what'");
  }
}

TEST_CASE("one run is printed as it was measured") {
  BenchFigures figures;
  CHECK(figures.empty());
  REQUIRE(figures.add(R"({"bench":"yield","ns":9.61,"cpu_ns":9.5})"));
  REQUIRE(figures.add(R"({"bench":"mutex","case":"free","ns":20})"));
  CHECK(figures.json(1) ==
        "{\"bench\":\"yield\",\"ns\":9.61,\"cpu_ns\":9.5}\n"
        "{\"bench\":\"mutex\",\"case\":\"free\",\"ns\":20.0}\n");
  const std::string table = figures.table(1);
  CHECK(table.find("mutex (free)") != std::string::npos);
  CHECK(table.find("9.61") != std::string::npos);
  CHECK(table.find("median") == std::string::npos);
}

TEST_CASE("of several runs the median stands, between the least and the greatest") {
  BenchFigures figures;
  for (const char* ns : {"30", "10", "20"}) {
    REQUIRE(figures.add(R"({"bench":"yield","ns":)" + std::string(ns) + "}"));
    REQUIRE(figures.add(R"({"bench":"yield","case":"other","ns":1})"));
  }
  CHECK(figures.json(1) ==
        "{\"bench\":\"yield\",\"ns\":20.0,\"ns_min\":10.0,\"ns_max\":30.0,\"runs\":3}\n"
        "{\"bench\":\"yield\",\"case\":\"other\",\"ns\":1.0,\"ns_min\":1.0,\"ns_max\":1.0,\"runs\":3}\n");
  CHECK(figures.table(1).find("median") != std::string::npos);

  BenchFigures even;
  REQUIRE(even.add(R"({"bench":"yield","ns":10})"));
  REQUIRE(even.add(R"({"bench":"yield","ns":13})"));
  CHECK(even.json(1).find("\"ns\":11.5,") != std::string::npos);
}

TEST_CASE("a part of the work is told to be one") {
  BenchFigures figures;
  REQUIRE(figures.add(R"({"bench":"yield","ns":9})"));
  CHECK(figures.json(0.5) == "{\"bench\":\"yield\",\"ns\":9.0,\"scale\":0.5}\n");
  CHECK(figures.table(0.5).find("0.5 of the work") != std::string::npos);
}

TEST_CASE("what is no figure is refused") {
  BenchFigures figures;
  for (const char* line : {"", "yield", "[]", "{}", R"({"bench":1})", R"({"bench":"a","case":2})",
                           R"({"bench":"a","ns":"many"})", "{\"bench\":\"a\",\xff"}) {
    CAPTURE(line);
    CHECK_FALSE(figures.add(line));
  }
  CHECK(figures.empty());
}
