// Names through the C ABI's structures: on host-owned copies, a bounded number at once, and forgotten at once.
#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "host/plugin/loading.hpp"
#include "runtime/empty_owner.hpp"
#include "support/gated_resolver.hpp"

using namespace tau::host;
using tau::test::GatedResolver;
using tau::test::Loading;

namespace {

struct Lookup : tau_lookup {
  int told = 0;
  Lookup(Owner& of, const char* name) : tau_lookup{} {
    owner = &of;
    host = name;
    socktype = SOCK_STREAM;
    done = [](tau_lookup* self) { ++static_cast<Lookup*>(self)->told; };
  }
  Lookup(const Lookup&) = delete;
  ~Lookup() {
    if (found) freeaddrinfo(found);
  }
};

struct Fixture : Loading {
  // A pool of four threads, so one asks at a time.
  Fixture() {
    for (Owner* owner : {&a, &b}) owner->phase = Phase::running;
  }
  ~Fixture() {
    for (Owner* owner : {&a, &b}) unload(*owner);
    runtime.run_until([&] { return runtime.resolver.asked() == 0; });
    CHECK(runtime.resolver.waiting() == 0);
  }
  void unload(Owner& owner) {
    owner.phase = Phase::unloading;
    empty_owner(runtime, owner);
    CHECK(is_emptied(owner));  // without one turn of the loop
  }
  std::int32_t ask(Lookup& lookup) { return runtime.resolver.start(lookup); }

  Owner a, b;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a name is told on the loop, and its list is the caller's") {
  std::string name = "localhost";
  Lookup lookup(a, name.c_str());
  lookup.service = "80";
  lookup.family = AF_INET;
  REQUIRE(ask(lookup) == TAU_PENDING);
  name.assign(200, '!');  // it was copied
  CHECK(a.lookups == 1);
  CHECK(a.has_live_work());
  CHECK(what_is_left(a) == "1 name lookup");
  CHECK(lookup.told == 0);
  runtime.run_until([&] { return lookup.told == 1; });
  CHECK(a.lookups == 0);
  CHECK(a.jobs.load() == 0);
  CHECK(lookup.result == TAU_OK);
  CHECK(lookup.job == nullptr);
  REQUIRE(lookup.found);
  CHECK(lookup.found->ai_family == AF_INET);
  sockaddr_in address;
  std::memcpy(&address, lookup.found->ai_addr, sizeof address);
  CHECK(ntohs(address.sin_port) == 80);
}

TEST_CASE_FIXTURE(Fixture, "what the system says is told as one status and as its own code") {
  struct Case {
    int code, error;
    std::int32_t result;
  };
  static Case now;
  for (Case each : {Case{EAI_NONAME, 0, TAU_E_NOT_FOUND}, Case{EAI_AGAIN, 0, TAU_E_TIMED_OUT},
                    Case{EAI_MEMORY, 0, TAU_E_NO_MEMORY}, Case{EAI_FAIL, 0, -EIO},
                    Case{EAI_SERVICE, 0, TAU_E_UNSUPPORTED}, Case{EAI_SYSTEM, EMFILE, -EMFILE}}) {
    now = each;
    runtime.resolver.function = [](const char*, const char*, const addrinfo*, addrinfo**) {
      errno = now.error;
      return now.code;
    };
    Lookup lookup(a, "name");
    REQUIRE(ask(lookup) == TAU_PENDING);
    runtime.run_until([&] { return lookup.told == 1; });
    CHECK(lookup.result == each.result);
    CHECK(lookup.code == each.code);
    CHECK(lookup.found == nullptr);
  }
  runtime.resolver.function = &::getaddrinfo;
}

TEST_CASE_FIXTURE(Fixture, "what cannot be asked is refused, and nobody is told") {
  Lookup nothing(a, nullptr);
  CHECK(ask(nothing) == TAU_E_INVALID);
  Lookup mute(a, "localhost");
  mute.done = nullptr;
  CHECK(ask(mute) == TAU_E_INVALID);
  GatedResolver names(runtime.resolver);
  Lookup twice(a, "twice");
  CHECK(ask(twice) == TAU_PENDING);
  CHECK(ask(twice) == TAU_E_INVALID);
  a.phase = Phase::unloading;
  Lookup late(a, "late");
  CHECK(ask(late) == TAU_E_UNLOADING);
  CHECK(a.lookups == 1);
  runtime.resolver.cancel(late);  // harmless
  runtime.resolver.cancel(twice);
  runtime.resolver.cancel(twice);
  CHECK(a.lookups == 0);
}

TEST_CASE_FIXTURE(Fixture, "a withdrawn record is not touched any more, at whatever stage its job is") {
  GatedResolver names(runtime.resolver);
  auto inside = std::make_unique<Lookup>(a, "inside");
  REQUIRE(ask(*inside) == TAU_PENDING);
  names.await_inside(1);
  auto in_line = std::make_unique<Lookup>(a, "in line");
  REQUIRE(ask(*in_line) == TAU_PENDING);
  CHECK(runtime.resolver.waiting() == 1);
  runtime.resolver.cancel(*in_line);
  CHECK(runtime.resolver.waiting() == 0);
  in_line.reset();
  runtime.resolver.cancel(*inside);
  inside.reset();  // the sanitizer would see it
  CHECK(a.lookups == 0);
  CHECK(runtime.resolver.asked() == 1);
  names.open();
  runtime.run_until([&] { return runtime.resolver.asked() == 0; });
  CHECK(names.asked() == std::vector<std::string>{"inside"});

  // Ended on its thread and not told yet.
  auto ended = std::make_unique<Lookup>(a, "ended");
  REQUIRE(ask(*ended) == TAU_PENDING);
  while (!runtime.remote.pending()) std::this_thread::yield();
  runtime.resolver.cancel(*ended);
  ended.reset();
  runtime.run_until([&] { return runtime.resolver.asked() == 0; });
}

TEST_CASE_FIXTURE(Fixture, "hanging names take a quarter of the pool, and the others wait in line") {
  GatedResolver names(runtime.resolver);
  std::vector<std::unique_ptr<Lookup>> lookups;
  for (const char* name : {"first", "second", "third", "fourth"}) {
    lookups.push_back(std::make_unique<Lookup>(lookups.size() % 2 ? b : a, name));
    REQUIRE(ask(*lookups.back()) == TAU_PENDING);
  }
  names.await_inside(1);
  CHECK(runtime.resolver.asked() == 1);
  CHECK(runtime.resolver.waiting() == 3);
  // The pool serves everybody else meanwhile.
  struct Job : tau_job {
    bool ended = false;
  } job{};
  job.owner = &b;
  job.run = [](tau_job*) {};
  job.done = [](tau_job* self) { static_cast<Job*>(self)->ended = true; };
  REQUIRE(runtime.pool.submit(&job) == TAU_OK);
  runtime.run_until([&] { return job.ended; });
  CHECK(names.inside() == 1);
  // One that hangs keeps its place although nobody waits for it: it is its thread that is counted.
  runtime.resolver.cancel(*lookups[0]);
  settle();
  CHECK(runtime.resolver.waiting() == 3);
  runtime.resolver.cancel(*lookups[2]);
  names.open();
  runtime.run_until([&] { return lookups[1]->told + lookups[3]->told == 2; });
  CHECK(names.asked() == std::vector<std::string>{"first", "second", "fourth"});
  CHECK(lookups[0]->told + lookups[2]->told == 0);
}

TEST_CASE_FIXTURE(Fixture, "an owner is emptied at once while its names hang, and its neighbour's answer comes") {
  GatedResolver names(runtime.resolver);
  auto hangs = std::make_unique<Lookup>(a, "hangs");
  auto waits = std::make_unique<Lookup>(a, "waits");
  Lookup neighbour(b, "neighbour");
  for (Lookup* each : {hangs.get(), waits.get(), &neighbour}) REQUIRE(ask(*each) == TAU_PENDING);
  names.await_inside(1);
  unload(a);
  hangs.reset();
  waits.reset();
  CHECK(b.lookups == 1);
  CHECK(neighbour.told == 0);
  names.open();
  runtime.run_until([&] { return neighbour.told == 1; });
  CHECK(neighbour.result == TAU_OK);
  CHECK(names.asked() == std::vector<std::string>{"hangs", "neighbour"});
}

TEST_CASE_FIXTURE(Fixture, "who is told may ask again, withdraw others and free the record") {
  struct Chain : Lookup {
    Chain(Fixture& of, int n, Lookup& other) : Lookup(of.a, "chain"), fixture(of), left(n), victim(other) {
      done = [](tau_lookup* self) {
        auto& mine = *static_cast<Chain*>(self);
        mine.fixture.runtime.resolver.cancel(mine.victim);
        ++mine.fixture_ends();
        if (mine.left > 1) {
          auto* next = new Chain(mine.fixture, mine.left - 1, mine.victim);
          CHECK(mine.fixture.ask(*next) == TAU_PENDING);
        }
        delete &mine;
      };
    }
    int& fixture_ends() {
      static int ends = 0;
      return ends;
    }
    Fixture& fixture;
    int left;
    Lookup& victim;
  };
  Lookup victim(b, "victim");
  auto* first = new Chain(*this, 20, victim);
  int& ends = first->fixture_ends();
  ends = 0;
  GatedResolver names(runtime.resolver);
  REQUIRE(ask(*first) == TAU_PENDING);
  names.await_inside(1);
  REQUIRE(ask(victim) == TAU_PENDING);
  names.open();
  runtime.run_until([&] { return ends == 20; });
  CHECK(a.lookups == 0);
  CHECK(b.lookups == 0);
  CHECK(victim.told == 0);
}

TEST_CASE("a module is closed while a thread asks for it, and the thread touches nothing of it") {
  Loading l;
  GatedResolver names(l.runtime.resolver);
  Plugin& plugin = l.load("asks_for_name");
  REQUIRE(tau::test::entry<std::int32_t()>(plugin, "plugin_ask")() == TAU_PENDING);
  names.await_inside(1);
  CHECK(l.unload(plugin));  // which looks whether it is mapped
  CHECK(l.registry.all().empty());
  CHECK(names.inside() == 1);
  names.open();
  l.runtime.run_until([&] { return l.runtime.resolver.asked() == 0; });
  CHECK(l.reports.empty());
}
