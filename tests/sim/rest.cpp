// What must hold after each event, when everything has been given time, and at the end. See sim.hpp.
#include <algorithm>

#include "sim.hpp"

namespace tau::sim {

using host::Phase;

namespace {
constexpr std::uint64_t tick = std::uint64_t{1} << host::TimerWheel::tick_shift;
constexpr unsigned patience = 400;  // rounds after which nothing may be left waiting
}  // namespace

void Sim::check() {
  std::uint64_t ios = 0;
  for (const Tenant& tenant : tenants) {
    if (tenant.closed) continue;
    const tau_plugin& owner = *tenant.plugin;
    require(owner.tasks == tenant.tasks, "the account of tasks is wrong");
    require(owner.live_tasks == tenant.unfinished, "the account of live tasks is wrong");
    require(owner.refs.load() >= tenant.guards, "the account of guards is wrong");
    ios += owner.ios;
    if (owner.phase.load() == Phase::pinned) saw(Saw::pinned);
  }
  require(ios == reactor->pending(), "the account of operations is wrong");
}

/// Until nothing is ready; then whatever was woken has run, and whatever was aborted is gone.
void Sim::settle() {
  unsigned rounds = 0;
  do {
    require(++rounds < 1000, "the loop does not come to rest");
    runtime->turn(false);
  } while (runtime->executor.ready() || runtime->remote.pending() || reactor->anything_due());
  for (const Record& record : records) {
    if (record.drops != 0 || record.finished) continue;
    require(record.polled_at >= record.due_at, "a wake-up is lost");
    require(!record.abort_asked, "an abort is lost");
  }
}

/// Everything gets what it waits for. Nothing may be left that still waits.
void Sim::come_to_rest() {
  log("come to rest");
  closing = true;
  for (unsigned round = 0;; ++round) {
    settle();
    check();
    const auto waits = [](const Tenant& t) { return !t.closed && (t.unfinished != 0 || t.leaving || t.guards != 0); };
    if (std::none_of(tenants.begin(), tenants.end(), waits)) return;
    require(round < patience, "a task is left waiting, or an unload does not end");
    while (reactor->complete(true)) {
    }
    for (Tenant& tenant : tenants) {
      if (!tenant.closed && tenant.guards != 0) give_back(tenant);
    }
    for (Record& record : records) {
      if (record.drops == 0 && !record.finished) wake(record);
    }
    advance(100 * tick);
  }
}

void Sim::leave() {
  log("leave");
  bool done = false;
  for (Tenant& tenant : tenants) tenant.leaving = true;
  unloader_->unload_all([&] { done = true; });
  for (unsigned round = 0; !done || !unloader_->idle(); ++round) {
    require(round < patience, "the last unload does not end");
    for (Tenant& tenant : tenants) {
      if (!tenant.closed && tenant.guards != 0) give_back(tenant);
    }
    runtime->turn(false);
  }
  require(registry_.all().empty(), "a record of a plugin is left");
  require(presences == 0, "something of an actor is left");
  require(calls_arrived_ == calls_sent_, "a call is lost, or came twice");
  require(runtime->wheel.empty(), "a timer is left");
  require(reactor->pending() == 0, "an operation is left");
  for (const Record& record : records) require(record.drops == 1, "a task was never dropped");
}

}  // namespace tau::sim
