#include "compiler/diagnostics.hpp"

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

TEST_CASE("Ninja's own lines go, and failed steps come first") {
  const std::string output =
      "ninja: Entering directory `/c/build'\n"
      "@tau@ 1/3 a.o\n"
      "../super/subprojects/plugin/a.cpp:1:1: warning: odd\n"
      "@tau@ 2/3 b.o\n"
      "FAILED: subprojects/plugin/b.o \n"
      "/usr/bin/c++ -c b.cpp @tau@\n"
      "../super/subprojects/plugin/b.cpp:2:2: error: wrong\n"
      "ninja: build stopped: subcommand failed.\n";
  CHECK(without_ninja(output) ==
        "../super/subprojects/plugin/b.cpp:2:2: error: wrong\n"
        "../super/subprojects/plugin/a.cpp:1:1: warning: odd\n");
  CHECK(without_ninja("ninja: error: 'x.cpp', needed by 'x.o', missing and no known rule to make it\n") ==
        "error: 'x.cpp', needed by 'x.o', missing and no known rule to make it\n");
}

TEST_CASE("errors come before warnings, each with what belongs to it") {
  const std::string warning =
      "x.cpp: In function ‘int f()’:\n"
      "x.cpp:1:1: warning: unused\n"
      "    1 | int f()\n"
      "x.cpp:1:2: note: about the warning\n";
  const std::string error =
      "In file included from x.cpp:3:\n"
      "y.h: In function ‘int g()’:\n"
      "y.h:4:1: error: wrong\n"
      "    4 | int g()\n"
      "y.h:4:1: note: about the error\n";
  const std::string second = "x.cpp:9:1: error: wrong as well\n";
  CHECK(errors_first(warning + error + second) == error + second + warning);
  CHECK(errors_first("plain text\n") == "plain text\n");
  CHECK(errors_first("").empty());
}

TEST_CASE("Meson's error is shown without what was said before and where its log is") {
  const std::string output =
      "The Meson build system\nProject name: x\n\n"
      "../super/subprojects/plugin/meson.build:3:0: ERROR: Unknown function \"shared\".\n\n"
      "A full log can be found at /c/build/meson-logs/meson-log.txt\n";
  CHECK(from_meson_error(output) == "../super/subprojects/plugin/meson.build:3:0: ERROR: Unknown function \"shared\".\n");
  CHECK(from_meson_error("Traceback\n") == "Traceback\n");
}

TEST_CASE("paths of the workspace become the user's own") {
  Environment environment;
  environment.patches = {{"tau", "/dist/src/tau"}};
  const Slot slot{"/home/u/.tau/buildcache/e/p", "/home/u/.tau/buildcache/e/p.lock"};
  const Diagnosis diagnosis{environment, slot, "plugins/x", "/home/u/plugins/x"};
  CHECK(diagnosis.with_real_paths("../super/subprojects/plugin/a.cpp:1: error\n") == "plugins/x/a.cpp:1: error\n");
  CHECK(diagnosis.with_real_paths("super/subprojects/plugin/meson.build:1\n") == "plugins/x/meson.build:1\n");
  CHECK(diagnosis.with_real_paths("in " + slot.super().string() + "/subprojects/plugin/a.h:1\n") == "in plugins/x/a.h:1\n");
  CHECK(diagnosis.with_real_paths("/home/u/plugins/x/a.cpp:1: undefined\n") == "plugins/x/a.cpp:1: undefined\n");
  CHECK(diagnosis.with_real_paths("../super/subprojects/tau/include/t.hpp:1\n") == "/dist/src/tau/include/t.hpp:1\n");
  CHECK(diagnosis.with_real_paths("../super/subprojects/foo/f.h:1\n") == slot.super().string() + "/subprojects/foo/f.h:1\n");
}

TEST_CASE("a build that says nothing of itself is not answered with nothing") {
  const Environment environment;
  const Slot slot{"/c/p", "/c/p.lock"};
  const Diagnosis diagnosis{environment, slot, "plugins/x", "/home/u/plugins/x"};
  CommandResult result;
  result.kind = CommandResult::Kind::exited;
  result.code = 2;
  result.output = "ninja: build stopped: interrupted by user.\n";
  CHECK(diagnosis.of_build(result).find("interrupted by user") != std::string::npos);
  result.output.clear();
  CHECK(diagnosis.of_build(result).find("ended with code 2") != std::string::npos);
}
