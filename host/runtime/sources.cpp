// See sources.hpp.
#include "sources.hpp"

namespace tau::host {
namespace {

enum State : std::uint32_t {
  calling = 1,  // one of its functions is on the stack
  owed = 2,     // was asked, and is to be told
  fresh = 4,    // what it would answer is not known
};

std::uint64_t later(std::uint64_t now_ns, std::int64_t delay_ns) noexcept {
  if (delay_ns < 0) return Sources::never;
  const auto delay = static_cast<std::uint64_t>(delay_ns);
  return delay < Sources::never - now_ns ? now_ns + delay : Sources::never - 1;
}

}  // namespace

/// Calls `visit` once for each source that was there at the beginning and has no function on a stack. False
/// if it was left before its end.
template <class Visit>
bool Sources::round(Visit visit) noexcept {
  const std::uint64_t mine = ++round_;
  for (tau_source* source = all_.front(); source;) {
    if (source->round == mine || (source->state & calling)) {
      source = source->next;
      continue;
    }
    source->round = mine;
    const std::uint64_t removals = removals_;
    visit(*source);
    if (round_ != mine) return false;
    source = removals == removals_ ? source->next : all_.front();
  }
  return true;
}

/// Calls `function` with the source. False if it is not added any more, and may be gone.
template <class Function>
bool Sources::call(tau_source& source, Function function) noexcept {
  const std::uint64_t removals = removals_, id = source.id;
  Owner& owner = *source.owner;
  source.state |= calling;
  ++owner.source_calls;
  try {
    function(&source);
  } catch (...) {
    // A suspended call was unwound as far as here, or a module in C++ let something out (I13).
  }
  --owner.source_calls;
  if (removals != removals_) {
    const tau_source* there = all_.front();
    while (there && !(there == &source && there->id == id)) there = there->next;
    if (!there) return false;
  }
  source.state &= ~std::uint32_t{calling};
  return true;
}

std::int32_t Sources::add(tau_source& source) noexcept {
  if (!source.prepare && !source.check) return TAU_E_INVALID;
  if (!source.owner->accepts()) return TAU_E_UNLOADING;
  if (source.previous) {
    source.state |= fresh;
    return TAU_OK;
  }
  source.state = fresh;
  source.round = round_;  // one that leaves and comes back in its own function must not be met for ever
  source.id = ++additions_;
  source.deadline_ns = never;
  all_.push(&source);
  ++source.owner->sources;
  set_deadline(source, clock_.now());
  return TAU_OK;
}

void Sources::remove(tau_source& source) noexcept {
  if (!source.previous) return;
  set_deadline(source, never);
  all_.remove(&source);
  ++removals_;
  --source.owner->sources;
}

std::size_t Sources::drop_owner(Owner& owner) noexcept {
  std::size_t dropped = 0;
  for (tau_source* source = all_.front(); source;) {
    tau_source* const next = source->next;
    if (source->owner == &owner) {
      remove(*source);
      ++dropped;
    }
    source = next;
  }
  return dropped;
}

bool Sources::prepare() noexcept {
  return round([this](tau_source& source) {
    // Asked by a turn that was suspended since, and told by none.
    if ((source.state & (owed | fresh)) == owed) return;
    source.state &= ~std::uint32_t{fresh};
    std::int64_t answer = -1;
    if (source.prepare && !call(source, [&](tau_source* s) { answer = s->prepare(s); })) return;
    source.state |= owed;
    set_deadline(source, later(clock_.now(), answer));
  });
}

void Sources::check() noexcept {
  round([this](tau_source& source) {
    if (!(source.state & owed)) return;
    source.state = (source.state & ~std::uint32_t{owed}) | fresh;
    if (!source.check) return;
    const std::int32_t timed_out = source.deadline_ns <= clock_.now();
    call(source, [&](tau_source* s) { s->check(s, timed_out); });
  });
}

bool Sources::unasked() const noexcept {
  for (const tau_source* source = all_.front(); source; source = source->next) {
    if ((source->state & fresh) && !(source->state & calling)) return true;
  }
  return false;
}

std::uint64_t Sources::deadline_ns(std::uint64_t from_ns) const noexcept {
  std::uint64_t earliest = never;
  for (const tau_source* source = all_.front(); source; source = source->next) {
    const std::uint64_t deadline = source->deadline_ns;
    if (deadline >= from_ns && deadline < earliest && !(source->state & calling)) earliest = deadline;
  }
  return earliest;
}

/// Keeps account of who wants time: the host stays for those.
void Sources::set_deadline(tau_source& source, std::uint64_t deadline_ns) noexcept {
  source.owner->timed_sources += static_cast<std::uint64_t>(deadline_ns != never);
  source.owner->timed_sources -= static_cast<std::uint64_t>(source.deadline_ns != never);
  source.deadline_ns = deadline_ns;
}

}  // namespace tau::host
