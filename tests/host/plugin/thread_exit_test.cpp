// Destructors of thread_local objects: whose, when, on which thread, and who waits for whom.
#include <doctest/doctest.h>
#include <plugin/thread_exit.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <vector>

using namespace tau::host;

namespace {

struct Object {
  std::function<void()> destroyed;
  static void destroy(void* self) { static_cast<Object*>(self)->destroyed(); }
  void put(Owner* owner) { REQUIRE(thread_exit::add(owner, destroy, this) == 0); }
};

}  // namespace

TEST_CASE("a thread that ends runs its own, newest first, of all owners") {
  Owner a, b;
  std::vector<int> order;
  Object one{[&] { order.push_back(1); }}, two{[&] { order.push_back(2); }}, three{[&] { order.push_back(3); }};
  std::thread([&] {
    one.put(&a);
    two.put(&b);
    three.put(nullptr);
    CHECK(a.thread_exits == 1);
  }).join();
  CHECK(order == std::vector{3, 2, 1});
  CHECK(a.thread_exits == 0);
  CHECK(b.thread_exits == 0);
  CHECK(thread_exit::drain(a) == 0);
}

TEST_CASE("drain runs one owner's of every living thread, and leaves the others'") {
  Owner a, b;
  std::vector<int> order;
  Object one{[&] { order.push_back(1); }}, two{[&] { order.push_back(2); }}, other{[&] { order.push_back(9); }};
  Object here{[&] { order.push_back(3); }};
  std::promise<void> registered, leave;
  std::thread thread([&] {
    one.put(&a);
    other.put(&b);
    two.put(&a);
    registered.set_value();
    leave.get_future().wait();
  });
  registered.get_future().wait();
  here.put(&a);
  CHECK(thread_exit::drain(a) == 3);
  CHECK(order.size() == 3);
  const auto at = [&](int n) { return std::find(order.begin(), order.end(), n); };
  CHECK(at(2) < at(1));
  CHECK(a.thread_exits == 0);
  CHECK(b.thread_exits == 1);
  leave.set_value();
  thread.join();
  CHECK(order.back() == 9);
  CHECK(b.thread_exits == 0);
}

TEST_CASE("what a destructor registers is run too, in a drain and at a thread's end") {
  Owner a;
  int ran = 0;
  Object last{[&] { ++ran; }};
  Object middle{[&] { last.put(&a); }};
  Object first{[&] { middle.put(&a); }};
  first.put(&a);
  CHECK(thread_exit::drain(a) == 3);
  CHECK(ran == 1);
  std::thread([&] { first.put(&a); }).join();
  CHECK(ran == 2);
  CHECK(a.thread_exits == 0);
}

TEST_CASE("drain waits for a destructor that runs on a thread about to end") {
  Owner a;
  std::promise<void> inside, go_on;
  std::atomic<bool> finished{false};
  Object slow{[&] {
    inside.set_value();
    go_on.get_future().wait();
    finished = true;
  }};
  std::thread thread([&] { slow.put(&a); });
  inside.get_future().wait();
  // Released by a third thread only once this one has had the chance to be wrong.
  std::thread helper([&] {
    std::this_thread::yield();
    go_on.set_value();
  });
  thread_exit::drain(a);
  CHECK(finished);
  CHECK(a.thread_exits == 0);
  thread.join();
  helper.join();
}

TEST_CASE("a thread that ends waits for a drain that holds its objects") {
  Owner a;
  std::promise<void> registered, leave, ended;
  std::atomic<bool> thread_gone{false}, alive_throughout{false};
  Object object{[&] {
    leave.set_value();
    // The thread is on its way out; its object must stay. Nothing tells that it waits, so give it turns.
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    alive_throughout = !thread_gone;
  }};
  std::thread thread([&] {
    object.put(&a);
    registered.set_value();
    leave.get_future().wait();
  });
  std::thread joiner([&] {
    thread.join();
    thread_gone = true;
  });
  registered.get_future().wait();
  CHECK(thread_exit::drain(a) == 1);
  CHECK(alive_throughout);
  joiner.join();
}

TEST_CASE("threads that come and go while owners are drained run each destructor exactly once") {
  std::atomic<int> ran{0};
  int registered = 0;
  for (int round = 0; round < 50; ++round) {
    Owner owner;
    std::vector<Object> objects(8 * 4);
    for (auto& o : objects) o.destroyed = [&] { ++ran; };
    std::vector<std::thread> threads;
    std::atomic<int> ready{0};
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 4; ++i) objects[t * 4 + i].put(&owner);
        ++ready;
        ready.notify_one();
      });
    }
    for (int seen = ready; seen < 8; seen = ready) ready.wait(seen);
    thread_exit::drain(owner);  // concurrent with the threads' ends
    CHECK(owner.thread_exits == 0);
    registered += static_cast<int>(objects.size());
    CHECK(ran == registered);
    for (auto& t : threads) t.join();
  }
}
