#include <tau/plugin/define_plugin.hpp>
#include <tau/rt/fiber.h>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/runtime_fixture.hpp"

using namespace std::chrono_literals;
using namespace tau::detail;
using tau::Task;
using tau::test::RuntimeFixture;

namespace {

std::vector<std::string> events;

void note(std::string event) { events.push_back(std::move(event)); }

struct Answer {
  std::int32_t status;
  std::optional<std::string> text;
};

/// The module's part of TAU_DEFINE_PLUGIN, for more than one class in one program.
template <class P>
struct Defined : RuntimeFixture {
  static inline PluginObject<P>* object = nullptr;

  Defined() { events.clear(); }
  ~Defined() { destroy(); }

  std::int32_t init() { return make_plugin(&plugin, object); }
  void destroy() { destroy_plugin(object); }
  /// As the host does it: what is still suspended after plugin_destroy is unwound.
  void destroy_and_unload() {
    destroy();
    unload(plugin);
  }
  void send(std::string payload) {
    auto entry = [](tau_plugin*, tau_request* request) { answer(object, request); };
    runtime.requests.send(plugin, entry, 1, std::move(payload), [this](std::int32_t status, const std::string* text) {
      answers.push_back({status, text ? std::optional(*text) : std::nullopt});
    });
  }

  std::vector<Answer> answers;
};

struct Noting {
  std::string text;
  explicit Noting(std::string at_end) : text(std::move(at_end)) {}
  ~Noting() { note(text); }
};

// ---- init, destroy, run ----

struct Plain {
  Plain() { note("init"); }
  ~Plain() { note("destroy"); }
};
struct InitThrows {
  InitThrows() { throw std::runtime_error("no luck today"); }
};
struct InitThrowsInt {
  InitThrowsInt() { throw 7; }
};
struct DestroyThrows {
  ~DestroyThrows() noexcept(false) { throw std::runtime_error("not even now"); }
};
struct Runs {
  std::string member = "member";
  ~Runs() { note("destroy"); }
  Task<void> run() {
    Noting noting("run ends with " + member);
    note("run");
    co_await tau::sleep(10ms);
    note("after sleep");
    co_await tau::sleep(1h);
  }
};
struct Waits {
  std::string member = "member";
  tau_parker parker{};
  ~Waits() { note("destroy"); }
  void wait() {
    Noting noting("wait ends with " + member);
    tau_park(module_owner(), &parker, UINT64_MAX);
    note("returned");
  }
};
struct RunWaits : Waits {
  Task<void> run() {
    Noting noting("run ends with " + member);
    wait();
    co_return;
  }
};
struct RunStops : RunWaits {
  void stop() {
    note("stop");
    tau_unpark(&parker);
  }
};
struct StopThrows : RunStops {
  void stop() {
    RunStops::stop();
    throw std::runtime_error("no end");
  }
};
struct StopIsAnothersWord : Waits {
  int stop() { return 7; }
};
struct RequestWaits : Waits {
  std::string request(std::string_view) {
    wait();
    return "done";
  }
};
struct LaterWaits : Waits {
  Task<std::string> request(std::string_view payload) {
    Noting noting("request ends with " + member);
    if (payload == "wait") wait();
    co_await tau::sleep(1h);
    co_return "done";
  }
};
struct RunThrows {
  Task<void> run() {
    co_await tau::sleep(1ms);
    throw std::runtime_error("run failed");
  }
};

// ---- request ----

struct View {
  std::string request(std::string_view payload) {
    if (payload == "throw") throw std::runtime_error("cannot");
    if (payload == "throw 1") throw 1;
    return "got " + std::string(payload);
  }
};
struct Silent {
  void request(std::string payload) { note(payload); }
};
struct Later {
  std::string member = "later ";
  ~Later() { note("destroy"); }
  Task<std::string> request(std::string payload) {
    Noting noting("request ends with " + member);
    co_await tau::sleep(5ms);
    if (payload == "throw") throw std::runtime_error("cannot later");
    co_return member + payload;
  }
};
struct LaterByView {
  Task<void> request(std::string_view payload) {
    co_await tau::sleep(5ms);
    note(std::string(payload));
  }
};
struct LaterByReference {
  Task<std::string> request(const std::string& payload) {
    co_await tau::sleep(5ms);
    co_return payload;
  }
};

static_assert(!AnswersRequests<Plain> && !AnswersRequests<Runs>);
static_assert(AnswersRequests<View> && AnswersRequests<Silent> && AnswersRequests<Later> && AnswersRequests<LaterByView>);
static_assert(HasRun<Runs> && !HasRun<Plain>);

// What would be left out for its form or its access is noticed.
class Private {
  [[maybe_unused]] void request(std::string_view) {}
  [[maybe_unused]] Task<void> run();
};
struct Odd {
  void request(int);
  Task<void> run(int);
};
static_assert(!AnswersRequests<Private> && NamesRequest<Private> && NamesRun<Private>);
static_assert(!AnswersRequests<Odd> && NamesRequest<Odd> && NamesRun<Odd>);
static_assert(NamesRequest<View> && !NamesRequest<Plain> && !NamesRun<Plain>);

}  // namespace

TEST_CASE_FIXTURE(Defined<Plain>, "the constructor is init, the destructor is destroy") {
  CHECK(init() == TAU_OK);
  CHECK(object != nullptr);
  destroy();
  CHECK(object == nullptr);
  CHECK(events == std::vector<std::string>{"init", "destroy"});
  destroy();  // harmless
  CHECK(events.size() == 2);
}

TEST_CASE_FIXTURE(Defined<InitThrows>, "an init that throws fails with the exception's text") {
  CHECK(init() == TAU_E_THREW);
  CHECK(object == nullptr);
  CHECK(plugin.error == "no luck today");
}

TEST_CASE_FIXTURE(Defined<InitThrowsInt>, "an init that throws no std::exception fails with a text, too") {
  CHECK(init() == TAU_E_THREW);
  CHECK(plugin.error == "an exception that is no std::exception");
}

TEST_CASE_FIXTURE(Defined<DestroyThrows>, "a destructor that throws ends there") {
  CHECK(init() == TAU_OK);
  destroy();
  CHECK(object == nullptr);
}

TEST_CASE_FIXTURE(Defined<Runs>, "run() is spawned after init, and destroyed before the object it belongs to") {
  CHECK(init() == TAU_OK);
  CHECK(events.empty());
  advance(11ms);
  CHECK(events == std::vector<std::string>{"run", "after sleep"});
  CHECK(plugin.live_tasks == 1);
  destroy();
  CHECK(events == std::vector<std::string>{"run", "after sleep", "run ends with member", "destroy"});
  CHECK(plugin.timers == 0);
}

TEST_CASE_FIXTURE(Defined<Runs>, "a run() that was due to go on is not resumed once the object is gone") {
  CHECK(init() == TAU_OK);
  settle();
  runtime.clock.advance(11'000'000);
  runtime.turn(false);  // the timer fires: the task is queued, or ran on already
  destroy();
  CHECK(events.back() == "destroy");
  settle();
  CHECK(events.back() == "destroy");
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(Defined<Runs>, "a run() that has not begun is destroyed with its plugin") {
  CHECK(init() == TAU_OK);
  destroy();
  unload(plugin);
  CHECK(events == std::vector<std::string>{"destroy"});
}

TEST_CASE_FIXTURE(Defined<RunWaits>, "a run() that stands in a suspended call is unwound before its object is destroyed") {
  CHECK(init() == TAU_OK);
  settle();
  CHECK(plugin.fibers == 1);
  destroy();
  CHECK(object == nullptr);
  CHECK(events.empty());
  destroy_and_unload();
  CHECK(events == std::vector<std::string>{"wait ends with member", "run ends with member", "destroy"});
}

TEST_CASE_FIXTURE(Defined<RunStops>, "stop() lets a suspended call return, and the object goes after it") {
  CHECK(init() == TAU_OK);
  settle();
  destroy();
  CHECK(events == std::vector<std::string>{"stop"});
  settle();
  CHECK(events == std::vector<std::string>{"stop", "returned", "wait ends with member", "run ends with member", "destroy"});
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(Defined<RunStops>, "stop() is called also where nothing waits yet") {
  CHECK(init() == TAU_OK);
  destroy_and_unload();
  CHECK(events == std::vector<std::string>{"stop", "destroy"});
}

TEST_CASE_FIXTURE(Defined<StopThrows>, "a stop() that throws stops nothing else") {
  CHECK(init() == TAU_OK);
  settle();
  destroy();
  settle();
  CHECK(events.back() == "destroy");
}

static_assert(!HasStop<StopIsAnothersWord> && HasStop<RunStops> && !HasStop<Plain>);

TEST_CASE_FIXTURE(Defined<RequestWaits>, "a request() that stands in a suspended call is unwound and answered as canceled") {
  CHECK(init() == TAU_OK);
  tau::spawn([this]() -> Task<> {
    send("wait");
    co_return;
  }).detach();
  settle();
  CHECK(plugin.fibers == 1);
  destroy_and_unload();
  CHECK(events == std::vector<std::string>{"wait ends with member", "destroy"});
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<LaterWaits>, "the Tasks of request() that wait by themselves go at once, one in a suspended call later") {
  CHECK(init() == TAU_OK);
  send("sleep");
  send("wait");
  settle();
  destroy();
  CHECK(events == std::vector<std::string>{"request ends with member"});
  destroy_and_unload();
  CHECK(events == std::vector<std::string>{"request ends with member", "wait ends with member",
                                           "request ends with member", "destroy"});
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == TAU_E_CANCELED);
  CHECK(answers[1].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<Later>, "a request() that has not begun when the object goes never begins") {
  CHECK(init() == TAU_OK);
  send("one");
  destroy();
  settle();
  CHECK(events == std::vector<std::string>{"destroy"});
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<RunThrows>, "a run() that throws ends alone") {
  CHECK(init() == TAU_OK);
  advance(2ms);
  CHECK(plugin.live_tasks == 0);
  CHECK(object != nullptr);
}

TEST_CASE_FIXTURE(Defined<View>, "request() answers at once; an exception answers with its text") {
  CHECK(init() == TAU_OK);
  send("it");
  send("throw");
  send("throw 1");
  REQUIRE(answers.size() == 3);
  CHECK(answers[0].status == TAU_OK);
  CHECK(answers[0].text == "got it");
  CHECK(answers[1].status == TAU_E_THREW);
  CHECK(answers[1].text == "cannot");
  CHECK(answers[2].status == TAU_E_THREW);
  CHECK(answers[2].text == "an exception that is no std::exception");
  CHECK(plugin.requests == 0);
}

TEST_CASE_FIXTURE(Defined<Silent>, "a request() that returns nothing ends the message without an answer") {
  CHECK(init() == TAU_OK);
  send("quiet");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == TAU_OK);
  CHECK_FALSE(answers[0].text.has_value());
  CHECK(events == std::vector<std::string>{"quiet"});
}

TEST_CASE_FIXTURE(Defined<Later>, "a request() that returns a Task answers when it is done") {
  CHECK(init() == TAU_OK);
  send("one");
  send("throw");
  settle();
  CHECK(answers.empty());
  CHECK(plugin.requests == 2);
  advance(6ms);
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].text == "later one");
  CHECK(answers[1].status == TAU_E_THREW);
  CHECK(answers[1].text == "cannot later");
  CHECK(plugin.live_tasks == 0);
}

TEST_CASE_FIXTURE(Defined<Later>, "destroying the plugin answers what waits as canceled, before the object is gone") {
  CHECK(init() == TAU_OK);
  send("one");
  send("two");
  settle();
  destroy();
  CHECK(events == std::vector<std::string>{"request ends with later ", "request ends with later ", "destroy"});
  settle();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].status == TAU_E_CANCELED);
  CHECK(answers[1].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<Later>, "unloading answers what has not even begun as canceled") {
  CHECK(init() == TAU_OK);
  send("one");
  destroy();
  unload(plugin);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<Later>, "a message that comes while the plugin unloads is answered as canceled") {
  CHECK(init() == TAU_OK);
  plugin.phase = tau::host::Phase::unloading;
  send("late");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].status == TAU_E_CANCELED);
}

TEST_CASE_FIXTURE(Defined<LaterByView>, "a payload taken as a view stays valid until the Task has ended") {
  CHECK(init() == TAU_OK);
  send("a payload too long for the small string buffer");
  advance(6ms);
  CHECK(events == std::vector<std::string>{"a payload too long for the small string buffer"});
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].text.has_value());
}

TEST_CASE_FIXTURE(Defined<LaterByReference>, "a payload taken by reference stays valid until the Task has ended") {
  CHECK(init() == TAU_OK);
  send("a payload too long for the small string buffer");
  advance(6ms);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].text == "a payload too long for the small string buffer");
}
