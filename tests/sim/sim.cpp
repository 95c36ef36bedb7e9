// See sim.hpp.
#include "sim.hpp"

#include <tau/rt/plugin.h>

#include <algorithm>
#include <sstream>

#include "runtime/empty_owner.hpp"
#include "support/module_stub.hpp"

namespace tau::sim {

using host::Phase;
using host::TaskSlot;

namespace {
constexpr std::uint64_t tick = std::uint64_t{1} << host::TimerWheel::tick_shift;
}  // namespace

Sim* Sim::instance_ = nullptr;
std::array<std::uint64_t, static_cast<int>(Saw::count)> Sim::tally{};
void (*Sim::on_violation)(const Sim&, const char*) = nullptr;

// Every task goes through here: what the simulation knows of it is compared with what happens to it.
struct Wrapped {
  static std::int32_t poll(tau_task* task) {
    Sim& sim = *Sim::instance_;
    Record& record = *sim.record_of(task);
    sim.require(!record.home->closed, "a task runs after its plugin's code is gone");
    sim.require(record.home->plugin->phase.load() <= Phase::running, "a task runs while its plugin is unloaded");
    sim.require(record.drops == 0 && !record.finished && !record.polling, "a task is polled that is not to be");
    if (!task->resume) {
      sim.saw(Saw::bare_poll);
      sim.require(++record.bare <= record.asked, "a task is polled though nobody woke it");
    }
    record.polled_at = ++sim.step_;
    sim.log("poll", record.number);
    const test::AsModule as(record.home->plugin);
    record.polling = true;
    if (sim.dice.one_in(8)) sim.outsider();
    const std::int32_t outcome = record.inner->poll(task);
    record.polling = false;
    if (outcome != TAU_PENDING) {
      record.finished = true;
      --record.home->unfinished;
      sim.log("finished", record.number);
    }
    return outcome;
  }
  static void drop(tau_task* task) {
    Sim& sim = *Sim::instance_;
    Record& record = *sim.record_of(task);
    sim.require(!record.home->closed, "a task is dropped after its plugin's code is gone");
    sim.require(!record.polling, "a task is dropped while it runs");
    sim.require(++record.drops == 1, "a task is dropped twice");
    sim.log("drop", record.number);
    const test::AsModule as(record.home->plugin);
    record.dropping = true;
    if (sim.dice.one_in(8)) sim.outsider();
    record.inner->drop(task);
    record.dropping = false;
    sim.by_slot_.erase(task);
    --record.home->tasks;
    if (!record.finished) --record.home->unfinished;
  }
  static constexpr tau_task_fns fns{&poll, &drop};
};

Sim::Sim(std::uint64_t seed, Bug with) : dice(seed), bug(with) {
  auto made = std::make_unique<ScriptedReactor>();
  reactor = made.get();
  reactor->faults = {bug == Bug::ignores_cancel, bug == Bug::forgets_withdrawal, bug == Bug::completes_twice};
  reactor->asleep = [this](std::int64_t timeout_ns) { asleep(timeout_ns); };
  runtime = std::make_unique<host::Runtime>(std::move(made),
                                            host::Runtime::Options{.blocking_threads = 1, .manual_clock = true});
  unloader_ = std::make_unique<host::Unloader>(*runtime, registry_, watchdog_, [](const std::string&) {});
  events_.reserve(4096);
  instance_ = this;
  test::module_closes = &closes;
}

Sim::~Sim() {
  test::module_closes = nullptr;
  instance_ = nullptr;
  forget_actors();
}

std::string Sim::events(std::size_t last) const {
  std::ostringstream text;
  for (std::size_t i = events_.size() - std::min(last, events_.size()); i < events_.size(); ++i) {
    const Event& event = events_[i];
    text << "  " << event.step << ": " << event.what << ' ' << event.a << ' ' << event.b << '\n';
  }
  return text.str();
}

Record* Sim::spawn(Tenant& home, const tau_task_fns* fns, void* resume, void* data) {
  Record& record = records.emplace_back();
  record.home = &home;
  record.number = static_cast<unsigned>(records.size()) - 1;
  record.inner = fns;
  const std::int32_t status = tau_spawn(home.plugin, &Wrapped::fns, resume, data, &record.id);
  require((status == TAU_OK) == (home.plugin->phase.load() <= Phase::running), "spawning is refused, or is not");
  if (status != TAU_OK) {
    records.pop_back();
    return nullptr;
  }
  by_slot_[runtime->executor.find(record.id)] = &record;
  ++home.tasks;
  ++home.unfinished;
  record.due_at = ++step_;
  log("spawn", record.number, home.number);
  saw(Saw::task);
  return &record;
}

void Sim::released(Record& record) {
  require(runtime->executor.find(record.id) == nullptr, "a task that was joined is still there");
  ++record.drops;
  --record.home->tasks;
}

Tenant* Sim::any_open() {
  const std::size_t first = tenants.empty() ? 0 : dice.below(static_cast<unsigned>(tenants.size()));
  for (std::size_t i = 0; i < tenants.size(); ++i) {
    Tenant& tenant = tenants[(first + i) % tenants.size()];
    if (!tenant.leaving) return &tenant;
  }
  return nullptr;
}

Record* Sim::any_record() {
  if (records.empty()) return nullptr;
  // Mostly recent ones: those are alive.
  const auto count = static_cast<unsigned>(records.size());
  return &records[count - 1 - dice.below(std::min(count, dice.one_in(4) ? count : 8u))];
}

// ---- the doors, as another thread uses them, and the same from the loop ----

void Sim::request(Record& record, std::uint64_t what) {
  const bool alive = record.drops == 0;
  log(what == TaskSlot::wake ? "request wake" : what == TaskSlot::abort ? "request abort" : "request detach",
      record.number);
  const std::int32_t status = bug == Bug::loses_request ? TAU_OK : runtime->executor.request(record.id, what);
  require(status == TAU_OK || (status == TAU_E_STALE && !alive), "a request for a task that is there is refused");
  if (status != TAU_OK) saw(Saw::stale_request);
  if (!alive || status != TAU_OK) return;
  if (what == TaskSlot::wake) {
    ++record.asked;
    record.due_at = ++step_;
  } else if (what == TaskSlot::abort) {
    record.abort_asked = true;
  } else {
    record.abort_asked |= record.finished;  // whoever joins it finds nothing
    record.detached = true;
  }
}

void Sim::wake(Record& record) {
  const bool alive = record.drops == 0;
  const std::int32_t status = tau_wake(record.id);
  require(status == (alive ? TAU_OK : TAU_E_STALE) || record.drops == 1, "waking a task that is there is refused");
  log("wake", record.number);
  if (!alive) return;
  ++record.asked;
  record.due_at = ++step_;
}

void Sim::abort(Record& record) {
  const bool alive = record.drops == 0;
  log("abort", record.number);
  if (tau_abort(record.id) == TAU_OK && alive) record.abort_asked = true;
}

void Sim::drop(Record& record) {
  const bool alive = record.drops == 0, busy = record.polling || record.dropping;
  log("drop at once", record.number);
  record.abort_asked |= alive && !busy;
  const std::int32_t status = tau_task_drop(record.id);
  require(status == (busy ? TAU_E_BUSY : alive ? TAU_OK : TAU_E_STALE), "dropping at once answers wrongly");
  require(busy || record.drops == 1, "a task that was dropped at once is still there");
  if (status == TAU_OK) saw(Saw::dropped_at_once);
}

struct Sim::Call {
  Sim* sim;
  Tenant* home;

  void arrive(bool start) {
    sim->require(!home->closed, "a call arrives after its plugin's code is gone");
    sim->require((home->plugin->phase.load() <= Phase::running) == start, "a call is started by an unload");
    sim->log(start ? "call starts" : "call abandoned", home->number);
    ++sim->calls_arrived_;
    sim->saw(start ? Saw::call_started : Saw::call_abandoned);
    if (start) sim->spawn_actor(*home, 1).detach();
    delete this;
  }
};

void Sim::send_call(Tenant& home) {
  auto* call = new Call{this, &home};
  log("call", home.number);
  const std::int32_t status = runtime->spawn_remote(
      *home.plugin, [](void* data) { static_cast<Call*>(data)->arrive(true); },
      [](void* data) { static_cast<Call*>(data)->arrive(false); }, call);
  require((status == TAU_OK) == (home.plugin->phase.load() <= Phase::running), "a call is refused, or is not");
  if (status == TAU_OK) {
    ++calls_sent_;
  } else {
    delete call;
  }
}

void Sim::give_back(Tenant& tenant) {
  log("give back", tenant.number);
  --tenant.guards;
  runtime->release(*tenant.plugin);
}

void Sim::outsider() {
  const unsigned what = dice.below(10);
  if (what < 6) {
    Record* record = any_record();
    if (record) request(*record, what < 3 ? TaskSlot::wake : what < 5 ? TaskSlot::abort : TaskSlot::detach);
    return;
  }
  if (what == 6) return runtime->remote.nudge();
  if (tenants.empty()) return;
  Tenant& tenant = tenants[dice.below(static_cast<unsigned>(tenants.size()))];
  if (tenant.closed) return;
  if (what == 7) {
    // Who has no guard is a thread that plugin_destroy would join.
    if (tenant.guards != 0 || tenant.plugin->phase.load() <= Phase::running) send_call(tenant);
  } else if (what == 8) {
    if (tenant.guards == 0 && tenant.plugin->phase.load() > Phase::running) return;
    log("guard", tenant.number);
    ++tenant.guards;
    runtime->retain(*tenant.plugin);
  } else if (tenant.guards != 0) {
    give_back(tenant);
  }
}

// ---- the world ----

void Sim::open() {
  Tenant& tenant = tenants.emplace_back();
  tenant.number = static_cast<unsigned>(tenants.size()) - 1;
  const std::string name = "p" + std::to_string(dice.below(3));
  tenant.plugin = &registry_.add(name, registry_.next_generation(name), {}, test::make_module());
  tenant.module = tenant.plugin->module.get();
  tenant.plugin->phase = Phase::running;
  tenant.plugin->destroy = [](tau_plugin* plugin) {
    Sim& sim = *instance_;
    for (Tenant& leaving : sim.tenants) {
      if (leaving.plugin == plugin) sim.require(!sim.spawn_actor(leaving, 0).task_id(), "an unload spawns");
    }
    sim.outsider();
  };
  log("open", tenant.number);
}

void Sim::unload(Tenant& tenant) {
  log("unload", tenant.number);
  tenant.leaving = true;
  if (bug == Bug::closes_early) tenant.closed = true;
  unloader_->unload(*tenant.plugin);
}

void Sim::closes(const host::Module* module) {
  Sim& sim = *instance_;
  const auto tenant =
      std::find_if(sim.tenants.begin(), sim.tenants.end(), [&](const Tenant& t) { return t.module == module; });
  sim.require(tenant != sim.tenants.end() && (!tenant->closed || sim.bug == Bug::closes_early), "closed twice");
  sim.log("closed", tenant->number);
  sim.saw(Saw::unloaded);
  sim.require(host::is_emptied(*tenant->plugin), "a module is closed while something is left");
  sim.require(tenant->plugin->refs.load() == 0 && tenant->guards == 0, "a module is closed under a guard");
  sim.require(tenant->tasks == 0, "a module is closed with a task left");
  sim.require(tenant->plugin->frames.live() == 0, "a module is closed with a frame left");
  tenant->closed = true;
  tenant->module = nullptr;
}

void Sim::turn(bool may_sleep) {
  log(may_sleep ? "turn, may sleep" : "turn");
  runtime->turn(may_sleep);
}

void Sim::advance(std::uint64_t ns) {
  log("advance", ns);
  runtime->clock.advance(ns);
}

void Sim::asleep(std::int64_t timeout_ns) {
  log("asleep");
  require(timeout_ns < 0, "the loop sleeps for a while, though time stands still");
  require(!runtime->remote.pending(), "the loop sleeps though something has been sent to it");
  require(!runtime->executor.ready(), "the loop sleeps though a task is ready");
  require(runtime->wheel.empty() || runtime->wheel.next_wake_ns() > now(), "the loop sleeps though a timer is due");
  saw(Saw::slept);
  const std::size_t wakes = reactor->wakes;
  for (unsigned count = dice.below(3); count-- != 0;) outsider();
  if (reactor->wakes != wakes) saw(Saw::woken_asleep);
  require(reactor->wakes <= wakes + 1, "a loop that sleeps is woken twice");
  require(reactor->wakes != wakes || !runtime->remote.pending(), "a loop that sleeps is not woken");
  if (dice.one_in(2)) reactor->complete(dice.one_in(2));
  if (dice.one_in(2) && !runtime->wheel.empty()) advance(runtime->wheel.next_wake_ns() - now());
}

void Sim::happen() {
  Tenant* home = any_open();
  switch (dice.below(16)) {
    case 0:
    case 1:
      if (home) spawn_actor(*home, 0).detach();
      break;
    case 2:
      if (home) spawn_raw(*home);
      break;
    case 3:
    case 4:
    case 5: outsider(); break;
    case 6:
    case 7: reactor->complete(dice.one_in(2)); break;
    case 8:
    case 9: advance(tick * dice.below(64)); break;
    case 10:
      if (home && dice.one_in(2)) unload(*home);
      break;
    case 11:
      if (!home || dice.one_in(2)) open();
      break;
    case 12:
    case 13: turn(true); break;
    default: turn(false);
  }
}

void Sim::play() {
  open();
  for (unsigned left = 16 + dice.below(64); left != 0; --left) {
    ++step_;
    happen();
    check();
  }
  come_to_rest();
  leave();
}

}  // namespace tau::sim
