// Everything that two modules may share, between two real ones, each of which is unmapped in the middle: who
// made it, who holds it, who waits in it, who borrows it.
#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "host/plugin/loading.hpp"

using namespace tau::test;
using tau::host::Plugin;

namespace {

struct Neighbors : Loading {
  Neighbors() : maker(load("neighbor", "maker")), user(load("neighbor", "user")) {}

  std::string ask(Plugin& plugin, std::string payload) {
    std::optional<std::string> answer;
    auto* request = entry<void(tau_plugin*, tau_request*)>(plugin, "plugin_request");
    runtime.requests.send(plugin, request, 1, std::move(payload), [&](std::int32_t status, const std::string* text) {
      answer = status != TAU_OK ? "(failed)" : text ? *text : "(none)";
    });
    runtime.run_until([&] { return answer.has_value(); });
    return *answer;
  }
  void tell(Plugin& plugin, std::string payload) {
    CHECK(ask(plugin, std::move(payload)) == "done");
    settle();
  }
  std::string log(Plugin& plugin) { return ask(plugin, "log"); }
  void begin_unload(Plugin& plugin, std::optional<bool>& gone) {
    const auto copy = plugin.module->copy();
    unloader.unload(plugin, [&gone, copy](Plugin&, const tau::host::UnloadResult& result) {
      gone = result.unmapped && !tau::host::is_mapped(copy);
    });
    settle();
  }

  Plugin& maker;
  Plugin& user;
};

}  // namespace

TEST_CASE_FIXTURE(Neighbors, "what a module made serves another after it was unmapped") {
  tell(maker, "make");
  tell(user, "get");
  tell(user, "take");
  tell(user, "take sender");
  tell(maker, "forget");
  CHECK(unload(maker));
  tell(user, "wait for locks");
  tell(user, "wait at barrier");
  tell(user, "wait at barrier");
  tell(user, "receive");
  CHECK(ask(user, "send") == "sent sent sent sent ");
  settle();
  CHECK(log(user) ==
        "acquired:one broadcast:a value made:mine met:first met:last oneshot:a value read:lock unbounded:a value "
        "watch:a value ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "locks, permits and a cell that a module held when it was unmapped go to who waits") {
  tell(maker, "make");
  tell(user, "get");
  tell(maker, "hold");
  tell(user, "wait for locks");
  CHECK(log(user) == "");
  CHECK(unload(maker));
  settle();
  CHECK(log(user) == "acquired:one made:mine read:lock held ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "who waited when its module was unmapped is not waited for, nor counted") {
  tell(maker, "make");
  tell(maker, "get");
  tell(user, "get");
  tell(user, "hold");
  tell(maker, "wait for locks");
  tell(maker, "wait at barrier");
  tell(user, "wait for locks");
  CHECK(unload(maker));
  tell(user, "wait at barrier");
  CHECK(log(user) == "");
  tell(user, "wait at barrier");
  CHECK(log(user) == "met:first met:last ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "who receives from a module that is unmapped gets what it sent, then the end") {
  tell(maker, "make");
  tell(user, "take");
  tell(maker, "take sender");
  tell(user, "receive");
  CHECK(ask(maker, "send") == "sent sent sent sent ");
  settle();
  CHECK(unload(maker));
  settle();
  CHECK(log(user) ==
        "broadcast:a value broadcast:closed oneshot:a value unbounded:a value unbounded:closed watch:a value "
        "watch:closed ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "a oneshot whose sender was not used when its module was unmapped is closed") {
  tell(maker, "make");
  tell(user, "take");
  tell(maker, "take sender");
  tell(user, "receive");
  CHECK(unload(maker));
  settle();
  CHECK(log(user) == "broadcast:closed oneshot:closed unbounded:closed watch:closed ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "who sends to a module that was unmapped reads closed") {
  tell(maker, "make");
  tell(user, "get");
  tell(user, "take sender");
  tell(maker, "take");
  tell(maker, "receive");
  CHECK(ask(user, "send") == "sent sent sent sent ");
  CHECK(unload(maker));
  CHECK(ask(user, "send") == "closed closed closed closed ");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Neighbors, "a task of another module: its handle travels, and reads canceled when it is unmapped") {
  tell(maker, "spawn");
  tell(user, "join");
  SUBCASE("the task's module goes") {
    CHECK(unload(maker));
    settle();
    CHECK(log(user) == "joined:canceled ");
    CHECK(unload(user));
  }
  SUBCASE("who waits for it goes: the task goes on") {
    CHECK(unload(user));
    CHECK(maker.live_tasks >= 1);
    CHECK(unload(maker));
  }
  SUBCASE("it ends: its value comes over") {
    runtime.clock.advance(25ull * 3600 * 1'000'000'000);
    settle();
    CHECK(log(user) == "joined:woke ");
    CHECK(unload(maker));
    CHECK(unload(user));
  }
}

TEST_CASE_FIXTURE(Neighbors, "a borrowed end of a duplex pins its module; its reader gets the end and lets go") {
  tell(maker, "lend");
  tell(user, "borrow duplex");
  CHECK(log(user) == "");
  SUBCASE("the lender goes") {
    CHECK(unload(maker));
    settle();
    CHECK(log(user) == "duplex:hi ");
    CHECK(unload(user));
  }
  SUBCASE("the borrower goes") {
    CHECK(unload(user));
    CHECK(maker.refs.load() == 0);
    CHECK(unload(maker));
  }
}

TEST_CASE_FIXTURE(Neighbors, "a borrowed stream waits as its maker: unloaded, it wakes nobody, and is unmapped when the borrower stops") {
  tell(maker, "lend");
  tell(user, "borrow stream");
  CHECK(log(user) == "stream:1 ");
  SUBCASE("the borrower is stopped") {
    std::optional<bool> gone;
    begin_unload(maker, gone);
    CHECK_FALSE(gone.has_value());
    tell(user, "stop");
    runtime.run_until([&] { return gone.has_value(); });
    CHECK(*gone);
    CHECK(unload(user));
  }
  SUBCASE("the borrower is unloaded first") {
    CHECK(unload(user));
    CHECK(unload(maker));
  }
  SUBCASE("the lender is unloaded and then the borrower") {
    std::optional<bool> gone;
    begin_unload(maker, gone);
    CHECK(unload(user));
    runtime.run_until([&] { return gone.has_value(); });
    CHECK(*gone);
  }
}
