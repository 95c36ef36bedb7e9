// Real modules made by TAU_DEFINE_PLUGIN, two at a time: identity, lending, and who keeps whom mapped.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "host/plugin/loading.hpp"

using namespace tau::test;
using tau::host::Phase;
using tau::host::Plugin;

namespace {

struct Plugins : Loading {
  /// Sends a message and turns the loop until it is answered.
  std::string ask(Plugin& plugin, std::string payload) {
    std::optional<std::string> answer;
    auto* request = entry<void(tau_plugin*, tau_request*)>(plugin, "plugin_request");
    runtime.requests.send(plugin, request, 1, std::move(payload), [&](std::int32_t status, const std::string* text) {
      CHECK(status == TAU_OK);
      answer = text ? *text : "(none)";
    });
    runtime.run_until([&] { return answer.has_value(); });
    return *answer;
  }

  /// Begins to unload; `gone` will say whether the mapping is.
  void begin_unload(Plugin& plugin, std::optional<bool>& gone) {
    const auto copy = plugin.module->copy();
    unloader.unload(plugin, [&gone, copy](Plugin&, const tau::host::UnloadResult& result) {
      gone = result.unmapped && !tau::host::is_mapped(copy);
    });
    settle();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Plugins, "two plugins have an identity of their own: ids 1 and 2, a PLUGIN_GUARD each") {
  Plugin& lender = load("lender");
  Plugin& borrower = load("borrower");
  const std::string first = ask(lender, "who"), second = ask(borrower, "who");
  CHECK(first.substr(0, 2) == "1 ");
  CHECK(second.substr(0, 2) == "2 ");
  CHECK(first.substr(2) != second.substr(2));
  CHECK(unload(lender));
  CHECK(unload(borrower));
}

TEST_CASE_FIXTURE(Plugins, "what a plugin has lent keeps its module mapped, and usable, until it is let go") {
  Plugin& lender = load("lender");
  Plugin& borrower = load("borrower");
  CHECK(ask(borrower, "take") == "done");
  CHECK(lender.refs.load() == 3);
  std::optional<bool> gone;
  begin_unload(lender, gone);
  CHECK_FALSE(gone.has_value());
  CHECK(lender.module->mapped());
  CHECK(ask(borrower, "use") == "the lender says 42, circle, shared");
  CHECK(ask(borrower, "drop") == "done");
  runtime.run_until([&] { return gone.has_value(); });
  CHECK(*gone);
  CHECK(unload(borrower));
}

TEST_CASE_FIXTURE(Plugins, "a borrower that is unloaded lets go of what it borrowed") {
  Plugin& lender = load("lender");
  Plugin& borrower = load("borrower");
  CHECK(ask(borrower, "take") == "done");
  std::optional<bool> gone;
  begin_unload(lender, gone);
  CHECK_FALSE(gone.has_value());
  CHECK(unload(borrower));
  runtime.run_until([&] { return gone.has_value(); });
  CHECK(*gone);
}

TEST_CASE_FIXTURE(Plugins, "what nobody has taken goes with its plugin") {
  Plugin& lender = load("lender");
  CHECK(lender.resources == 3);
  CHECK(unload(lender));
}

TEST_CASE_FIXTURE(Plugins, "events reach another module, and outlive the one they came from") {
  Plugin& lender = load("lender");
  Plugin& borrower = load("borrower");
  settle();  // run() subscribes
  CHECK(ask(lender, "one") == "1");
  CHECK(ask(lender, "two") == "1");
  CHECK(unload(lender));
  CHECK(ask(borrower, "heard") == "1one 2two ");
  CHECK(unload(borrower));
}

TEST_CASE_FIXTURE(Plugins, "a class without request() makes a module that answers nothing") {
  Plugin& silent = load("silent");
  CHECK(silent.module->symbol("plugin_request") == nullptr);
  CHECK(unload(silent));
}

TEST_CASE_FIXTURE(Plugins, "the example plugins run, answer and unload") {
  Plugin& example = load("example_plugin");
  Plugin& second = load("second_plugin");
  Plugin& c = load("c_plugin");
  CHECK(ask(example, "hello") == R"({"ok":true})");
  CHECK(ask(second, "hello") == "(none)");
  CHECK(ask(c, "hello") == "hello");
  settle();
  CHECK(c.timers == 1);
  runtime.clock.advance(30'000'000);
  settle();
  CHECK(example.live_tasks == 0);
  CHECK(c.timers == 0);
  CHECK(unload(example));
  CHECK(unload(second));
  CHECK(unload(c));
}
