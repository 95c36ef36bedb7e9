// A plugin is unloaded, by the real unloader, while other threads spawn onto the loop for it, give back its
// guards and ask things of its tasks.
//
// What must hold: each call is started, abandoned or refused, exactly once; nothing is started once the
// unload has begun and nothing runs once the module is closed; the unload comes to its end, whoever leaves
// last; and nobody touches the plugin's record after it was freed.
#include "plugin/unload.hpp"

#include <memory>
#include <vector>

#include "rig.hpp"
#include "support/module_stub.hpp"

using namespace tau::doors;
using tau::host::Phase;
using tau::host::Plugin;
using tau::host::TaskSlot;

namespace {

constexpr std::uint64_t wake = TaskSlot::wake, abort_ = TaskSlot::abort, detach = TaskSlot::detach;

struct World : Rig {
  explicit World(Play& chosen) : Rig(chosen) {
    plugin.phase = Phase::running;
    play.watch(&plugin, sizeof plugin, [this] { return there(); });
  }

  bool there() const { return registry.find(id) == &plugin; }
  bool closed() const { return !there() || plugin.module == nullptr; }

  /// The loop of one that unloads the plugin and goes on until nobody else is left.
  void unload_and_loop() {
    bool done = false;
    unloader.unload(plugin, [&](Plugin&, const tau::host::UnloadResult& result) { done = result.unmapped; });
    loop();
    play.require(done, "the unload does not come to its end");
    play.require(!there(), "the plugin's record is kept");
  }

  tau::host::Registry registry;
  tau::host::Watchdog watchdog{nullptr, {}};
  tau::host::Unloader unloader{runtime, registry, watchdog, [](const std::string&) {}};
  Plugin& plugin = registry.add("plugin", 1, {}, tau::test::make_module());
  const std::uint64_t id = plugin.id;
};

/// One call of another thread's, which spawns a task when it is started.
struct Spawning {
  World* world = nullptr;
  Actor actor{&world->play};
  int started = 0;
  int abandoned = 0;
  std::int32_t status = TAU_PENDING;

  explicit Spawning(World& chosen) : world(&chosen) {}

  void send() {
    status = world->runtime.spawn_remote(
        world->plugin, [](void* self) { static_cast<Spawning*>(self)->start(); },
        [](void* self) { static_cast<Spawning*>(self)->abandon(); }, this);
  }
  void start() {
    world->play.require(!world->closed(), "a call is started in a closed module");
    world->play.require(world->plugin.phase.load() <= Phase::running, "a call is started by an unload");
    ++started;
    actor.spawn(world->runtime.executor, world->plugin);
  }
  void abandon() {
    world->play.require(!world->closed(), "a call is abandoned in a closed module");
    ++abandoned;
  }
  void judge() const {
    world->play.require(status == TAU_OK || status == TAU_E_UNLOADING, "a call is refused for another reason");
    world->play.require(started + abandoned == (status == TAU_OK), "a call is lost, or comes twice");
    world->play.require(actor.drops == started, "a task that a call has spawned is not dropped");
  }
};

/// Threads that hold a guard of the plugin each, send so many calls and give it back.
Scenario guests(std::vector<int> calls) {
  return [calls](Play& play) {
    World world(play);
    std::vector<std::unique_ptr<Spawning>> all;
    for (int count : calls) {
      world.runtime.retain(world.plugin);
      const std::size_t first = all.size();
      for (int i = 0; i < count; ++i) all.push_back(std::make_unique<Spawning>(world));
      play.thread("guest", [&, first, last = all.size()] {
        for (std::size_t i = first; i < last; ++i) all[i]->send();
        world.runtime.release(world.plugin);
      });
    }
    play.thread("loop", [&] { world.unload_and_loop(); });
    play.run();
    for (const auto& call : all) call->judge();
  };
}

/// A thread of the plugin's own, which plugin_destroy joins.
void own_thread(Play& play) {
  World world(play);
  Spawning call(world);
  static Play* stage;
  static bool ended;
  stage = &play;
  ended = false;
  world.plugin.destroy = [](tau_plugin*) { stage->require(stage->wait([] { return ended; }), "joined for ever"); };
  play.thread("own", [&] {
    call.send();
    ended = true;
  });
  play.thread("loop", [&] { world.unload_and_loop(); });
  play.run();
  call.judge();
}

/// Threads that ask something of a plugin's task by its id. Another plugin gets its memory afterwards, and
/// has a friend who wakes its task.
Scenario askers(std::vector<std::vector<std::uint64_t>> threads) {
  return [threads](Play& play) {
    World world(play);
    auto& executor = world.runtime.executor;
    tau_plugin other;
    other.phase = Phase::running;
    Actor gone{&play}, stays{&play};
    const tau_task_id id = gone.spawn(executor, world.plugin);
    tau_task_id new_id = 0;
    for (const auto& asks : threads) {
      play.thread("asker", [&] {
        for (std::uint64_t ask : asks) executor.request(id, ask);
      });
    }
    play.thread("friend", [&] {
      play.require(play.wait([&] { return new_id != 0; }), "the unload does not come to its end");
      stays.told = 1;
      play.require(executor.request(new_id, wake) == TAU_OK, "a task that waits is stale");
    });
    play.thread("loop", [&] {
      world.unloader.unload(world.plugin, [&](Plugin&, const auto&) {
        play.require(gone.drops == 1, "a task is left by its plugin");
        new_id = stays.spawn(executor, other);
      });
      world.loop();
    });
    play.run();
    play.require(stays.seen == 1, "a wake-up was lost");
    play.require(stays.drops == 0 && stays.polls <= 2, "a request for a task that is gone reached another's");
    other.phase = Phase::unloading;
    executor.drop_owner(other);
    executor.reclaim(other);
  };
}


}  // namespace

TEST_CASE("guards that other threads give back end the unload that waits for them") {
  explore_all("one guard", 4, guests({0}));
  explore_all("two guards", 2, guests({0, 0}));
}

TEST_CASE("other threads spawn onto the loop while the plugin is unloaded") {
  explore_all("one call", 3, guests({1}));
  explore_all("two calls of one", 2, guests({2}));
  explore_all("one call each of two", 2, guests({1, 1}));
  explore_all("a thread that plugin_destroy joins", 3, own_thread);
  explore_some("three guests", 10'000, guests({2, 1, 2}));
}

TEST_CASE("requests for the tasks of a plugin that is unloaded") {
  explore_all("wake", 2, askers({{wake}}));
  explore_all("wake, abort", 1, askers({{wake, wake}, {abort_}}));
  explore_some("many", 10'000, askers({{wake, detach}, {abort_, wake}, {detach, wake, wake}}));
}

TEST_CASE("an unload with one line wrong is found out") {
  must_find("who lets go does not tell the loop", {"let_go", Op::load, Effect::zero}, 2, guests({0}));
  must_find("an unload is not announced", {"begin_unload", Op::add, Effect::omit}, 2, guests({0}));
  must_find("a call is not counted", {"Runtime::spawn_remote(", Op::add, Effect::omit}, 2, guests({1}));
  must_find("nobody looks whether the plugin accepts", {"accepts", Op::load, Effect::zero}, 2, guests({1}));
  must_find("who gives back a guard is not counted", {"Runtime::release", Op::add, Effect::omit}, 2, guests({0}));
  must_find("giving back a guard is not one step", {"Runtime::release", Op::subtract, Effect::split}, 2,
            guests({0, 0}));
  must_find("dropping leaves the id valid", {"Executor::give_back(", Op::store, Effect::omit}, 2, askers({{wake}}));
}
