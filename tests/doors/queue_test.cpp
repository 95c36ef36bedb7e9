// The remote queue alone: what is pushed arrives once and in order, and the loop never sleeps over it.
#include <memory>
#include <vector>

#include "rig.hpp"
#include "runtime/remote_queue.hpp"

using namespace tau::doors;
using tau::host::RemoteCall;
using tau::host::RemoteLink;
using tau::host::RemoteQueue;

static_assert(!std::is_same_v<tau::host::Atomic<int>, std::atomic<int>>, "the scheduler's atomic was not found first");

namespace {

/// A loop around a queue, as Runtime::turn goes: drain, and sleep if nothing was there.
struct Loop {
  explicit Loop(Play& chosen) : play(chosen) {}

  void wake() {
    step(Op::wake, this);
    woken = true;
    play.require(++wakes <= announced, "the loop is woken more often than it has said that it sleeps");
  }
  void run() {
    while (!quiet) {
      ++turns;
      const bool worked = queue.drain([&](RemoteLink*) { ++tasks; });
      if (worked || queue.pending()) continue;
      ++announced;
      if (!queue.prepare_sleep()) continue;
      if (!play.wait([this] { return woken; })) quiet = true;
      woken = false;
      queue.end_sleep();
    }
    play.require(!queue.pending(), "the loop sleeps though something has been sent to it");
  }

  Play& play;
  RemoteQueue queue{[](void* self) { static_cast<Loop*>(self)->wake(); }, this};
  bool woken = false;
  bool quiet = false;
  int turns = 0;
  int tasks = 0;
  int wakes = 0;
  int announced = 0;
};

struct Parcel : RemoteCall {
  Parcel(Play& chosen, int& latest, int mine) : RemoteCall{}, play(chosen), arrived_last(latest), number(mine) {
    arrive = [](RemoteCall* self) {
      auto& parcel = *static_cast<Parcel*>(self);
      ++parcel.arrivals;
      parcel.play.require(++parcel.arrived_last == parcel.number, "what one thread pushed is out of order");
    };
  }
  Play& play;
  int& arrived_last;  // of this thread's
  int number;
  int arrivals = 0;
};

/// Threads that push so many parcels each.
Scenario pushers(std::vector<int> counts) {
  return [counts](Play& play) {
    Loop loop(play);
    std::vector<int> latest(counts.size(), 0);
    std::vector<std::unique_ptr<Parcel>> parcels;
    std::size_t first = 0;
    for (std::size_t who = 0; who < counts.size(); ++who) {
      for (int i = 1; i <= counts[who]; ++i) parcels.push_back(std::make_unique<Parcel>(play, latest[who], i));
      play.thread(who == 0 ? "pusher A" : who == 1 ? "pusher B" : "pusher C", [&, first, last = parcels.size()] {
        for (std::size_t i = first; i < last; ++i) loop.queue.push(parcels[i].get());
      });
      first = parcels.size();
    }
    play.thread("loop", [&] { loop.run(); });
    play.run();
    for (const auto& parcel : parcels) play.require(parcel->arrivals == 1, "a parcel has not arrived, or twice");
  };
}

/// Threads that each ask for one more turn.
Scenario nudgers(int count) {
  return [count](Play& play) {
    Loop loop(play);
    std::vector<int> asked_in(static_cast<std::size_t>(count), 0);
    for (int& turn : asked_in) {
      play.thread("nudger", [&] {
        turn = loop.turns;
        loop.queue.nudge();
      });
    }
    play.thread("loop", [&] { loop.run(); });
    play.run();
    for (int turn : asked_in) play.require(loop.turns > turn, "a nudge was followed by no turn");
  };
}

/// A parcel that is pushed again as soon as it has arrived, beside another thread's nudge.
void again(Play& play) {
  Loop loop(play);
  int latest = 0;
  Parcel parcel(play, latest, 1);
  play.thread("pusher", [&] {
    loop.queue.push(&parcel);
    play.require(play.wait([&] { return parcel.arrivals == 1; }), "a parcel has not arrived");
    parcel.number = 2;
    loop.queue.push(&parcel);
  });
  play.thread("nudger", [&] { loop.queue.nudge(); });
  play.thread("loop", [&] { loop.run(); });
  play.run();
  play.require(parcel.arrivals == 2, "a parcel has not arrived, or twice");
}

}  // namespace

TEST_CASE("one pusher and a loop that sleeps: every interleaving") {
  explore_all("one pusher", every, pushers({1}), 1);
  explore_all("one pusher, two parcels", 4, pushers({2}), 1);
  explore_all("one nudger", every, nudgers(1));
}

TEST_CASE("pushers and nudgers against a loop that drains and sleeps") {
  explore_all("two pushers", 3, pushers({1, 1}), 1);
  explore_all("two pushers, three parcels", 2, pushers({2, 1}));
  explore_all("two nudgers", 3, nudgers(2));
  explore_all("pushed again", 3, again);
}

TEST_CASE("three pushers by lot") {
  explore_some("three pushers", 20'000, pushers({3, 2, 2}));
}

TEST_CASE("a queue with one line wrong is found out") {
  // What prepare_sleep() looks at a second time, after it has said that it sleeps.
  must_find("no second look", {"prepare_sleep", Op::load, Effect::zero}, 2, pushers({1}));
  must_find("no second look for nudges", {"prepare_sleep", Op::load, Effect::zero}, 2, nudgers(1));
  must_find("sleep is not announced", {"prepare_sleep", Op::store, Effect::omit}, 2, pushers({1}));
  must_find("nobody looks whether the loop sleeps", {"wake_if_sleeping", Op::load, Effect::zero}, 2, pushers({1}));
  must_find("two take the flag back", {"wake_if_sleeping", Op::exchange, Effect::split}, 2, pushers({1, 1}));
  must_find("draining is not one step", {"take_all", Op::exchange, Effect::split}, 2, pushers({2}));
  must_find("pushing is not one step", {"swap_newest", Op::compare_exchange, Effect::split}, 2, pushers({1, 1}));
  must_find("a nudge is not remembered", {"nudge", Op::store, Effect::omit}, 2, nudgers(1));
  must_find("a nudge is never forgotten", {"drain", Op::exchange, Effect::omit}, 2, nudgers(1));
}
