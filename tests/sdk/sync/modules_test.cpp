// Channels and locks between two real modules, and what is left when one of them is unmapped.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <thread>

#include "host/plugin/loading.hpp"

using namespace tau::test;
using tau::host::Plugin;

namespace {

struct Plugins : Loading {
  /// Sends a message; `answer` is set when it is answered.
  void send(Plugin& plugin, std::string payload, std::optional<std::string>& answer) {
    auto* request = entry<void(tau_plugin*, tau_request*)>(plugin, "plugin_request");
    runtime.requests.send(plugin, request, 1, std::move(payload), [&](std::int32_t status, const std::string* text) {
      answer = status != TAU_OK ? "(failed)" : text ? *text : "(none)";
    });
    settle();
  }
  std::string ask(Plugin& plugin, std::string payload) {
    std::optional<std::string> answer;
    send(plugin, std::move(payload), answer);
    runtime.run_until([&] { return answer.has_value(); });
    return *answer;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Plugins, "unload who made the channel and receives: the sender's end stays sound, and reads closed") {
  Plugin& maker = load("channels", "maker");
  Plugin& user = load("channels", "user");
  CHECK(ask(maker, "make") == "done");
  CHECK(ask(maker, "receive") == "done");
  CHECK(ask(user, "get") == "done");
  CHECK(ask(user, "send one") == "sent");
  CHECK(ask(user, "send two") == "sent");
  CHECK(ask(maker, "heard") == "one two ");
  CHECK(unload(maker));
  CHECK(ask(user, "send three") == "closed");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Plugins, "unload who made the channel while another waits in it: what it sent, then the end") {
  Plugin& maker = load("channels", "maker");
  Plugin& user = load("channels", "user");
  CHECK(ask(maker, "make") == "done");
  CHECK(ask(maker, "get") == "done");
  CHECK(ask(user, "receive") == "done");
  CHECK(ask(maker, "send one") == "sent");
  CHECK(ask(user, "heard") == "one ");
  CHECK(unload(maker));
  settle();
  CHECK(ask(user, "heard") == "one end");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Plugins, "a sender that waits for room is told when the module that would make it is unmapped") {
  Plugin& maker = load("channels", "maker");
  Plugin& user = load("channels", "user");
  CHECK(ask(maker, "make") == "done");  // the receiver stays a resource of its maker
  CHECK(ask(user, "get") == "done");
  CHECK(ask(user, "send one") == "sent");
  CHECK(ask(user, "send two") == "sent");
  std::optional<std::string> third;
  send(user, "send three", third);
  CHECK_FALSE(third.has_value());
  CHECK(unload(maker));
  runtime.run_until([&] { return third.has_value(); });
  CHECK(*third == "closed");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Plugins, "a mutex that an unloaded module made and held goes to the other, with its value") {
  Plugin& maker = load("channels", "maker");
  Plugin& user = load("channels", "user");
  CHECK(ask(maker, "make") == "done");
  CHECK(ask(maker, "get") == "done");
  CHECK(ask(user, "get") == "done");
  CHECK(ask(maker, "hold") == "done");
  std::optional<std::string> written, waited;
  send(user, "write mine", written);
  send(user, "wait", waited);
  CHECK_FALSE(written.has_value());
  CHECK_FALSE(waited.has_value());
  CHECK(ask(maker, "notify") == "done");
  runtime.run_until([&] { return waited.has_value(); });
  CHECK(unload(maker));
  runtime.run_until([&] { return written.has_value(); });
  CHECK(*written == "held mine");
  CHECK(ask(user, "write !") == "held mine!");
  CHECK(unload(user));
}

TEST_CASE_FIXTURE(Plugins, "a module's own thread sends to another module, whichever of them is unloaded first") {
  Plugin& maker = load("channels", "maker");
  Plugin& user = load("channels", "user");
  CHECK(ask(maker, "make") == "done");
  CHECK(ask(maker, "receive") == "done");
  CHECK(ask(user, "get") == "done");
  SUBCASE("the receiver") {
    CHECK(ask(user, "thread blocking") == "done");
    runtime.run_until([&] { return std::stoi(ask(maker, "count")) > 100; });
    CHECK(unload(maker));
    while (ask(user, "thread-ended") != "yes") std::this_thread::yield();  // its end wakes nobody
    CHECK(unload(user));
  }
  SUBCASE("the sender") {
    // Its destructor joins the thread on the loop, so that one may not wait for the loop.
    CHECK(ask(user, "thread") == "done");
    runtime.run_until([&] { return std::stoi(ask(maker, "count")) > 100; });
    CHECK(ask(maker, "forget") == "done");
    CHECK(unload(user));
    settle();
    CHECK(ask(maker, "heard").ends_with("end"));
    CHECK(unload(maker));
  }
}
