// Who lives in the simulation: coroutines of the sdk, and tasks of {poll, drop} that a plugin in C would
// have, some of which forget to withdraw what they linked.
#include <tau/event.hpp>
#include <tau/resource.hpp>
#include <tau/time.hpp>

#include <deque>
#include <stdexcept>
#include <utility>

#include "sim.hpp"

namespace tau::sim {

/// What a plugin lends: its destructor is the plugin's code.
struct Thing {
  Thing(Sim& with, Tenant& by) noexcept : sim(with), maker(by) { ++sim.presences; }
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;
  ~Thing() {
    sim.require(!maker.closed, "a resource is destroyed after its maker's code is gone");
    --sim.presences;
  }
  Sim& sim;
  Tenant& maker;
};

namespace {

constexpr std::string_view topics[] = {"t0", "t1"};
constexpr std::string_view names[] = {"r0", "r1", "r2"};

/// Says that something is there.
class Presence {
 public:
  explicit Presence(Sim& sim) noexcept : sim_(&sim) { ++sim.presences; }
  Presence(Presence&& other) noexcept : sim_(std::exchange(other.sim_, nullptr)) {}
  ~Presence() {
    if (!sim_) return;
    --sim_->presences;
    // Destructors do things, too.
    if (sim_->closing || !sim_->dice.one_in(16)) return;
    if (Record* someone = sim_->any_record()) sim_->abort(*someone);
  }

 private:
  Sim* sim_;
};

/// An operation that outlives its awaiter, so that a completion too many finds something to accuse.
struct Operation : tau_io {
  Sim* sim = nullptr;
  Tenant* home = nullptr;
  bool waiting = false;
  tau::detail::Waiter waiter;

  Operation(Sim& with, Tenant& by) noexcept : tau_io{}, sim(&with), home(&by) {
    opcode = TAU_IO_READ;
    flags = sim->dice.one_in(4);  // finishes at once
    offset = sim->dice.below(1000);
    done = [](tau_io* self) { static_cast<Operation*>(self)->complete(); };
  }
  void complete() {
    sim->require(!home->closed, "an operation completes after its plugin's code is gone");
    sim->require(waiting, "an operation completes that nobody waits for");
    waiting = false;
    sim->saw(Saw::operation);
    waiter.wake();
  }
};
std::deque<Operation> operations;  // of the schedule that is played

class Io {
 public:
  Io(Sim& sim, Tenant& home) : operation_(operations.emplace_back(sim, home)) {}
  Io(const Io&) = delete;
  ~Io() {
    if (std::exchange(operation_.waiting, false)) tau_io_cancel(&operation_);
  }
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    operation_.waiter.set(suspended);
    operation_.owner = tau::detail::module_owner();
    const std::int32_t status = tau_io_submit(&operation_);
    if (status == TAU_PENDING) return operation_.waiting = true;
    return tau::detail::suspend_if_exhausted(suspended);
  }
  void await_resume() const {
    operation_.sim->require(operation_.result == operation_.offset, "an operation has another's result");
  }

 private:
  Operation& operation_;
};

Task<int> act(Sim& sim, Tenant& home, Record*& self, unsigned depth);

void judge(Sim& sim, Record& child, const Result<int>& result) {
  sim.saw(result ? Saw::join_value : result.error() == Errc::threw ? Saw::join_threw : Saw::join_canceled);
  if (result) {
    sim.require(*result == static_cast<int>(child.number) && child.finished, "a join gives another's value");
    if (child.drops == 0) sim.released(child);
  } else if (result.error() == Errc::threw) {
    sim.require(child.threw, "a join tells of an exception that nobody threw");
  } else {
    sim.require(result.error() == Errc::canceled, "a join tells of another error");
    sim.require(child.abort_asked || child.detached || child.home->leaving, "a task is canceled that nobody aborted");
  }
}

Task<> join_another(Sim& sim, unsigned depth) {
  Tenant* where = sim.any_open();
  if (!where) co_return;
  Record* child = nullptr;
  auto handle = sim.spawn_actor(*where, depth, &child);
  if (!child) co_return;
  if (sim.dice.one_in(4)) sim.abort(*child);
  auto result = co_await handle;
  judge(sim, *child, result);
}

Task<> limited(Sim& sim, Tenant& home, Record*& self, unsigned depth) {
  const TimePoint deadline = Clock::now() + std::chrono::microseconds(sim.dice.below(3000));
  auto task = act(sim, home, self, depth);
  auto result = co_await timeout_at(deadline, std::move(task));
  sim.saw(result ? Saw::in_time : Saw::timed_out);
  if (result) {
    sim.require(*result == static_cast<int>(self->number), "a task gives another's value");
  } else {
    sim.require(result.error() == Errc::timed_out && Clock::now() >= deadline, "a timeout comes too early");
  }
}

Task<> listen(event::Subscription<int>& subscription, int& heard) {
  auto next = co_await subscription.next();
  if (next) heard = *next;
}

Task<> subscribed(Sim& sim, std::string_view topic) {
  auto subscription = event::subscribe<int>(topic, 4);
  if (!subscription) co_return;
  int latest = -1;
  for (int times = 0; times < 2; ++times) {
    int heard = -1;
    auto one = listen(*subscription, heard);
    (void)co_await timeout(std::chrono::microseconds(sim.dice.below(2000)), std::move(one));
    if (heard < 0) continue;
    sim.saw(Saw::heard);
    sim.require(heard > latest, "events come out of order, or twice");
    latest = heard;
  }
}

Task<> borrows(Sim& sim, std::string_view name) {
  auto thing = resource::get<Thing>(name);
  if (!thing) co_return;
  sim.saw(Saw::borrowed);
  co_await sleep(std::chrono::microseconds(sim.dice.below(2000)));
  sim.require(!(*thing)->maker.closed, "a resource is lent after its maker's code is gone");
}

// What an actor does: a few steps, each of any kind.
Task<int> act(Sim& sim, Tenant& home, Record*& self, unsigned depth) {
  const Presence here(sim);
  for (unsigned left = sim.dice.below(5); left != 0 && !sim.closing; --left) {
    switch (sim.dice.below(depth < 3 ? 16 : 11)) {
      case 0:
      case 1:
      case 2: {
        const TimePoint deadline = Clock::now() + std::chrono::microseconds(sim.dice.below(3000));
        co_await sleep_until(deadline);
        sim.require(Clock::now() >= deadline, "a sleep ends too early");
        break;
      }
      case 3:
        co_await yield_now();
        break;
      case 4:
      case 5:
        co_await Io(sim, home);
        break;
      case 6:
        if (Record* someone = sim.any_record()) {
          const unsigned how = sim.dice.below(4);
          how < 2 ? sim.abort(*someone) : how == 2 ? sim.wake(*someone) : sim.drop(*someone);
        }
        break;
      case 7:
        (void)event::publish<int>(topics[sim.dice.below(2)], sim.published++);
        break;
      case 8:
        (void)resource::put<Thing>(names[sim.dice.below(3)], sim, home);
        break;
      case 9:
        co_await borrows(sim, names[sim.dice.below(3)]);
        break;
      case 10:
        if (!sim.dice.one_in(4)) break;
        self->threw = true;
        throw std::runtime_error("on purpose");
      case 11:
      case 12:
        co_await join_another(sim, depth + 1);
        break;
      case 13:
        co_await limited(sim, home, self, depth + 1);
        break;
      case 14:
        co_await subscribed(sim, topics[sim.dice.below(2)]);
        break;
      case 15:
        if (Tenant* where = sim.any_open()) sim.spawn_actor(*where, depth + 1).detach();
        break;
    }
  }
  co_return static_cast<int>(self->number);
}

/// A task that a plugin in C would have.
struct Raw {
  struct Timer : tau_timer {
    Raw* raw = nullptr;
    bool armed = false;
  };
  struct Read : tau_io {
    Raw* raw = nullptr;
    bool waiting = false;
  };
  struct Wait : tau_wait {
    Raw* raw = nullptr;
    bool waiting = false;
  };
  struct Heard : tau_subscription {
    Raw* raw = nullptr;
  };

  Sim& sim;
  Tenant& home;
  Record* record = nullptr;
  tau_task* task = nullptr;
  unsigned left;
  bool forgetful = false;  // drops without withdrawing anything; its memory stays
  bool dropped = false;
  Timer timer{};
  Read read{};
  Wait wait{};
  Heard heard{};

  Raw(Sim& with, Tenant& by) : sim(with), home(by), left(1 + sim.dice.below(6)), forgetful(sim.dice.one_in(3)) {
    timer.raw = read.raw = wait.raw = heard.raw = this;
    timer.owner = read.owner = wait.owner = heard.owner = home.plugin;
    timer.fire = [](tau_timer* self) {
      auto& mine = *static_cast<Timer*>(self);
      mine.raw->sim.saw(Saw::timer);
      told(*mine.raw, mine.armed);
    };
    read.done = [](tau_io* self) { told(*static_cast<Read*>(self)->raw, static_cast<Read*>(self)->waiting); };
    wait.fire = [](tau_wait* self) { told(*static_cast<Wait*>(self)->raw, static_cast<Wait*>(self)->waiting); };
    heard.deliver = [](tau_subscription* self, const void*) {
      bool always = true;
      told(*static_cast<Heard*>(self)->raw, always);
    };
    read.opcode = TAU_IO_READ;
  }
  Raw(const Raw&) = delete;

  static void told(Raw& raw, bool& expected) {
    raw.sim.require(!raw.home.closed, "something calls into a plugin whose code is gone");
    raw.sim.require(std::exchange(expected, false), "something happens that nobody waits for, or twice");
    if (raw.dropped) return;
    raw.wake();
    if (raw.sim.bug == Bug::wakes_twice) raw.sim.runtime->executor.request(raw.record->id, host::TaskSlot::wake);
  }
  void wake() {
    task->resume = this;  // the poll's cause
    tau_task_wake(task);
  }

  std::int32_t poll() {
    task->resume = nullptr;
    if (--left == 0 || (sim.closing && sim.dice.one_in(2))) return sim.dice.one_in(8) ? TAU_E_THREW : TAU_READY;
    switch (sim.dice.below(7)) {
      case 0:
        timer.armed = tau_sleep(&timer, sim.dice.below(3'000'000)) == TAU_OK;
        break;
      case 1:
        if (read.waiting) break;
        read.waiting = tau_io_submit(&read) == TAU_PENDING;
        break;
      case 2: {
        Record* someone = sim.any_record();
        if (wait.waiting || !someone) break;
        wait.waiting = tau_join(someone->id, &wait) == TAU_PENDING;
        if (!wait.waiting) wake();
        break;
      }
      case 3:
        heard.previous ? tau_event_unsubscribe(&heard)
                       : (void)tau_event_subscribe(&heard, "raw", 3, 1);
        break;
      case 4:
        (void)tau_event_publish(home.plugin, "raw", 3, 1, this);
        break;
      case 5:
        wake();
        break;
      default:
        if (Record* someone = sim.any_record()) sim.dice.one_in(2) ? sim.abort(*someone) : sim.drop(*someone);
    }
    return TAU_PENDING;
  }
  void drop() {
    dropped = true;
    --sim.presences;
    if (forgetful) {
      if (timer.previous || read.previous || wait.linked || heard.previous) sim.saw(Saw::left_behind);
      return;
    }
    tau_sleep_cancel(&timer);
    if (read.waiting) tau_io_cancel(&read);
    tau_join_cancel(0, &wait);
    tau_event_unsubscribe(&heard);
    timer.armed = read.waiting = wait.waiting = false;
  }

  static const tau_task_fns fns;
};

constinit const tau_task_fns Raw::fns{[](tau_task* self) -> std::int32_t {
                                        auto& raw = *static_cast<Raw*>(self->data);
                                        raw.record->threw = true;  // or may have, for who joins it
                                        return raw.poll();
                                      },
                                      [](tau_task* self) { static_cast<Raw*>(self->data)->drop(); }};
std::deque<Raw> raws;

}  // namespace

JoinHandle<int> Sim::spawn_actor(Tenant& home, unsigned depth, Record** out) {
  const test::AsModule as(home.plugin);
  // Found through a place that outlives the frame: the record comes after it.
  Record*& self = selves.emplace_back(nullptr);
  auto task = act(*this, home, self, depth);
  void* frame = task.release().address();
  self = spawn(home, &tau::detail::Root<int>::fns, frame, frame);
  if (out) *out = self;
  if (self) return JoinHandle<int>(self->id);
  tau::detail::Root<int>::handle(frame).destroy();
  return {};
}

void Sim::spawn_raw(Tenant& home) {
  Raw& raw = raws.emplace_back(*this, home);
  raw.record = spawn(home, &Raw::fns, &raw, &raw);
  if (!raw.record) return raws.pop_back();
  ++presences;
  raw.task = runtime->executor.find(raw.record->id);
  if (!dice.one_in(4)) tau_detach(raw.record->id), raw.record->detached = true;
}

void Sim::forget_actors() {
  operations.clear();
  raws.clear();
}

}  // namespace tau::sim
