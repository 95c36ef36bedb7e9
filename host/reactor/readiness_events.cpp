// What became ready, and who is to be told or tried for it. See readiness.hpp.
#include <utility>

#include "readiness.hpp"

namespace tau::host {
namespace {

// Which queue an event concerns. An error or a hang-up concerns both: each side finds out by trying.
constexpr std::uint32_t in_events = TAU_IN | TAU_PRI | TAU_RDHUP | ReadinessReactor::broken;
constexpr std::uint32_t out_events = TAU_OUT | ReadinessReactor::broken;

}  // namespace

void ReadinessReactor::ready(std::uint64_t token, std::uint32_t events) noexcept {
  Descriptor* descriptor = table_.find(static_cast<int>(token & 0x7fffffffu));
  // Not ours any more: the file was closed here and lives on elsewhere, or its watch began anew.
  if (!descriptor || !descriptor->watched || descriptor->token() != token) return;

  descriptor->untold |= static_cast<std::uint16_t>(events);
  if (descriptor->waited_for) tell_registrations(*descriptor);
  if (events & in_events) {
    descriptor->left = Descriptor::Left::unknown;
    if (events & (in_events & ~unsigned{TAU_IN})) descriptor->odd = true;
    if (!descriptor->in.empty()) descriptor->hot |= TAU_IN;
  }
  if ((events & out_events) && !descriptor->out.empty()) descriptor->hot |= TAU_OUT;
  if (descriptor->polled) make_polls_due(*descriptor, events);
  heat(*descriptor);
}

void ReadinessReactor::make_polls_due(Descriptor& descriptor, std::uint32_t events) noexcept {
  for (tau_io* op = descriptor.polls.front(); op;) {
    tau_io* const next = op->next;
    if (events & (op->flags | broken)) {
      descriptor.polls.remove(op);
      descriptor.due_polls.push(op);
    }
    op = next;
  }
  descriptor.polled = !descriptor.polls.empty() || !descriptor.due_polls.empty();
}

/// Registrations remember what is ready, from when anybody asks for it.
void ReadinessReactor::tell_untold(Descriptor& descriptor) noexcept {
  const std::uint32_t events = std::exchange(descriptor.untold, std::uint16_t{0});
  descriptor.waited_for = false;
  for (Registration* r = descriptor.registrations; r; r = r->next) {
    r->ready |= events;
    end_waits(*r, r->ready, 0);
    if (r->waits) descriptor.waited_for = true;
  }
}

bool ReadinessReactor::waits_for_priority(std::uint64_t token) const noexcept {
  const Descriptor* descriptor = table_.find(static_cast<int>(token & 0x7fffffffu));
  if (!descriptor) return false;
  for (const Registration* r = descriptor->registrations; r; r = r->next) {
    for (const tau_fd_wait* wait = r->waits; wait; wait = wait->next) {
      if (wait->interest & TAU_PRI) return true;
    }
  }
  for (const tau_io* op = descriptor->polls.front(); op; op = op->next) {
    if (op->flags & TAU_PRI) return true;
  }
  return false;
}

/// Has `descriptor` tried by deliver(), if there is anything to try.
void ReadinessReactor::heat(Descriptor& descriptor) noexcept {
  if (descriptor.hot == 0 && !(descriptor.polled && !descriptor.due_polls.empty())) return;
  if (descriptor.doubtful) end_doubt(descriptor);
  if (!descriptor.previous) hot_.push(&descriptor);
}

/// Has what waits to receive tried when the kernel has been asked once more, or before if an event comes.
void ReadinessReactor::doubt(Descriptor& descriptor) noexcept {
  if (descriptor.doubtful) return;
  if (descriptor.previous) {
    descriptor.hot |= TAU_IN;
    return;
  }
  doubtful_.push(&descriptor);
  descriptor.doubtful = true;
  ++doubts_;
}

void ReadinessReactor::end_doubt(Descriptor& descriptor) noexcept {
  doubtful_.remove(&descriptor);
  descriptor.doubtful = false;
  --doubts_;
  if (!descriptor.in.empty()) descriptor.hot |= TAU_IN;
}

void ReadinessReactor::try_doubtful() noexcept {
  while (Descriptor* descriptor = doubtful_.front()) {
    end_doubt(*descriptor);
    heat(*descriptor);
  }
}

/// Moves those waits to the ended ones that `events` satisfy, oldest first; a standing one is told here.
void ReadinessReactor::end_waits(Registration& registration, std::uint32_t events,
                                 std::int32_t status) noexcept {
  tau_fd_wait** const position = ended_waits_.tail();
  for (tau_fd_wait* wait = registration.waits; wait;) {
    tau_fd_wait* const older = wait->next;
    const std::uint32_t met = events & (wait->interest | broken);
    if (met != 0 && status == 0 && (wait->interest & standing)) {
      wait->result = static_cast<std::int32_t>(met);
      registration.ready &= ~met;
      wait->done(wait);
    } else if (met != 0) {
      IntrusiveQueue<tau_fd_wait>::unlink(wait);
      wait->result = status < 0 ? status : static_cast<std::int32_t>(met);
      ended_waits_.insert(position, wait);
    }
    wait = older;
  }
}

}  // namespace tau::host
