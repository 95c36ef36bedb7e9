// See readiness.hpp.
#include "readiness.hpp"

#include <errno.h>
#include <fcntl.h>

#include "attempt.hpp"

namespace tau::host {
namespace {

// Callbacks per poll(): whoever submits anew from each of its callbacks must not keep the loop from
// its tasks and timers.
constexpr int deliveries_per_poll = 1024;
// As many doubtful receives are cheaper tried than the kernel asked whether that is necessary.
constexpr std::size_t few_doubts = 3;

}  // namespace

bool ReadinessReactor::submit(tau_io* op) noexcept {
  op->entry = nullptr;
  if (op->how & TAU_IO_MULTISHOT) return submit_multishot(op);
  if (only_blocks(*op)) return op->opcode == TAU_IO_CLOSE ? close(op) : carry(op);
  Descriptor* descriptor = table_.find(op->fd);
  // Bytes leave and arrive in the order of their operations, so nobody overtakes. A poll only looks.
  const bool queues = descriptor && op->opcode != TAU_IO_POLL && op->opcode != TAU_IO_CONNECT &&
                      !descriptor->queue_for(*op).empty();
  if (queues) return pend(op, *descriptor);
  if (descriptor && Descriptor::is_plain_receive(*op)) {
    if (descriptor->has_nothing_for(*op)) {
      if (!op->owner) return pend(op, *descriptor);  // nobody's word: see ensure_watched()
      link(op, *descriptor, descriptor->in);
      if (descriptor->left == Descriptor::Left::perhaps) doubt(*descriptor);
      return false;
    }
    if (attempt(*op, Attempt::first)) {
      descriptor->note_receive(*op);
      return true;
    }
    if (descriptor->left == Descriptor::Left::perhaps) descriptor->note_lull();
  } else if (attempt(*op, Attempt::first)) {
    return true;
  }
  if (!descriptor) descriptor = table_.make(op->fd);
  if (descriptor) return pend(op, *descriptor);
  op->result = -ENOMEM;
  return true;
}

/// As submit(), of what would block or has to wait for others before it.
bool ReadinessReactor::pend(tau_io* op, Descriptor& descriptor) noexcept {
  auto& queue = descriptor.queue_for(*op);
  const bool queues = !queue.empty();
  const std::int32_t status = ensure_watched(descriptor, op->owner);
  if (status == -EPERM) return carry(op);
  if (status < 0) {
    op->result = status;
    return true;
  }
  if (queues && queue.empty() && op->opcode != TAU_IO_POLL && op->opcode != TAU_IO_CONNECT &&
      attempt(*op, Attempt::first)) {
    drop_if_unused(descriptor);  // those before it waited for a file that is gone
    return true;
  }
  link(op, descriptor, queue);
  if (op->opcode == TAU_IO_POLL) descriptor.polled = true;
  return false;
}

void ReadinessReactor::link(tau_io* op, Descriptor& descriptor, IntrusiveQueue<tau_io>& queue) noexcept {
  op->entry = &descriptor;
  queue.push(op);
  ++pending_;
}

bool ReadinessReactor::cancel(tau_io* op) noexcept {
  if (!op->previous) return false;
  if (is_carried(*op)) {
    withdraw_carried(op);
  } else if (auto* descriptor = static_cast<Descriptor*>(op->entry)) {
    descriptor->remove(op);
    op->entry = nullptr;
    // Whoever asks again and again, without ever waiting, is to find what is there.
    if (descriptor->left == Descriptor::Left::perhaps) descriptor->left = Descriptor::Left::unknown;
    drop_if_unused(*descriptor);
  } else {
    ended_operations_.remove(op);
    discard_result(*op);
  }
  uses_buffers(*op, false);
  --pending_;
  return true;
}

std::int32_t ReadinessReactor::add(tau_plugin* owner, int fd, tau_fd* out) noexcept {
  Descriptor* descriptor = table_.find(fd);
  if (!descriptor) {
    if (::fcntl(fd, F_GETFD) < 0) return -errno;  // before room is made for any number at all
    descriptor = table_.make(fd);
    if (!descriptor) return -ENOMEM;
  }
  if (const std::int32_t status = ensure_watched(*descriptor, nullptr); status < 0) return status;
  tell_registrations(*descriptor);
  Registration* registration = table_.take(*descriptor, owner);
  if (!registration) {
    drop_if_unused(*descriptor);
    return -ENOMEM;
  }
  *out = registration->handle();
  return 0;
}

tau_plugin* ReadinessReactor::owner_of(tau_fd handle) const noexcept {
  const Registration* registration = table_.find(handle);
  return registration ? registration->owner : nullptr;
}

std::int32_t ReadinessReactor::remove(tau_fd handle) noexcept {
  Registration* registration = table_.find(handle);
  if (!registration) return TAU_E_STALE;
  Descriptor* descriptor = registration->descriptor;
  end_waits(*registration, ~0u, TAU_E_CLOSED);
  table_.release(*registration);
  if (descriptor) drop_if_unused(*descriptor);
  return 0;
}

std::int32_t ReadinessReactor::wait_ready(tau_fd handle, tau_fd_wait* wait) noexcept {
  Registration* registration = table_.find(handle);
  if (!registration) return TAU_E_STALE;
  if (!registration->descriptor) {
    wait->result = TAU_E_CLOSED;
    return TAU_READY;
  }
  tell_registrations(*registration->descriptor);
  if (const std::uint32_t events = registration->ready & (wait->interest | broken)) {
    wait->result = static_cast<std::int32_t>(events);
    return TAU_READY;
  }
  push_front(&registration->waits, wait);
  registration->descriptor->waited_for = true;
  ++pending_;
  if (wait->interest & TAU_PRI) priority_wanted(registration->descriptor->fd, registration->descriptor->token());
  return TAU_PENDING;
}

bool ReadinessReactor::cancel_wait(tau_fd_wait* wait) noexcept {
  if (!wait->previous) return false;
  ended_waits_.remove(wait);  // or out of its registration's list: that one has no tail
  --pending_;
  return true;
}

std::int32_t ReadinessReactor::clear(tau_fd handle, std::uint32_t events) noexcept {
  Registration* registration = table_.find(handle);
  if (!registration) return TAU_E_STALE;
  // A socket hangs up before it is connected, a FIFO between two writers: remembered for ever, that
  // would satisfy every wait at once and spin.
  if (events & (TAU_IN | TAU_OUT)) events |= broken;
  if (events & TAU_IN) events |= TAU_RDHUP;
  if (registration->descriptor) tell_registrations(*registration->descriptor);
  registration->ready &= ~events;
  return 0;
}

std::size_t ReadinessReactor::withdraw_owner(tau_plugin* owner) noexcept {
  std::size_t withdrawn = 0;
  struct {
    ReadinessReactor& reactor;
    void operator()(const tau_io& op) const noexcept { reactor.uses_buffers(op, false); }
    void operator()(const tau_fd_wait&) const noexcept {}
  } const ended{*this};
  const auto sweep = [&](auto& queue) {
    for (auto* element = queue.front(); element;) {
      auto* const next = element->next;
      if (element->owner == owner) {
        queue.remove(element);
        ended(*element);
        ++withdrawn;
        --pending_;
      }
      element = next;
    }
  };
  sweep(ended_waits_);
  // Taken aside first: a cancel may fetch, and what is fetched moves from one queue to the other.
  tau_io* aside = nullptr;
  for (tau_io* op = carried_.front(); op;) {
    tau_io* const next = op->next;
    if (op->owner == owner) {
      carried_.remove(op);
      push_front(&aside, op);
    }
    op = next;
  }
  while (aside) withdrawn += cancel(aside);
  for (tau_io* op = ended_operations_.front(); op;) {
    tau_io* const next = op->next;
    if (op->owner == owner) withdrawn += cancel(op);
    op = next;
  }
  table_.each_registration([&](Registration& registration) {
    for (tau_fd_wait* wait = registration.waits; wait;) {
      tau_fd_wait* const next = wait->next;
      if (wait->owner == owner) {
        cancel_wait(wait);
        ++withdrawn;
      }
      wait = next;
    }
    if (registration.owner == owner) {
      remove(registration.handle());
      ++withdrawn;
    }
  });
  table_.each_descriptor([&](Descriptor& descriptor) {
    if (!descriptor.has_operations()) return;
    sweep(descriptor.in);
    sweep(descriptor.out);
    sweep(descriptor.polls);
    sweep(descriptor.due_polls);
    drop_if_unused(descriptor);
  });
  while (BufferGroup* group = buffers_.first_of(owner)) {
    free_buffers(*group);
    ++withdrawn;
  }
  return withdrawn;
}

void ReadinessReactor::poll(std::int64_t timeout_ns) noexcept {
  if (doubts_ != 0 && doubts_ <= few_doubts && !has_work_left()) {
    try_doubtful();
    if (deliver()) return;
  }
  collect(has_work_left() || doubts_ != 0 ? 0 : timeout_ns);
  try_doubtful();
  deliver();
}

// ---- who is watched ------------------------------------------------------------------------------

/// On success `descriptor` is watched and it is the file that has the number now. What waited for
/// another file has ended.
std::int32_t ReadinessReactor::ensure_watched(Descriptor& descriptor, const tau_plugin* owner) noexcept {
  if (descriptor.watched) {
    // A registration is its owner's word that the descriptor stays open; to others it says nothing,
    // and asking the kernel is the only way to know.
    if (owner && descriptor.vouched_by(owner)) return 0;
    if (rewatch(descriptor.fd, descriptor.token()) == 0) return 0;
    orphan(descriptor);
  }
  ++descriptor.serial;
  const std::int32_t status = watch(descriptor.fd, descriptor.token());
  descriptor.watched = status == 0;
  descriptor.odd = false;
  descriptor.lulls = 0;
  descriptor.left = Descriptor::Left::unknown;
  descriptor.untold = 0;
  descriptor.kind = Descriptor::Kind::unknown;
  return status;
}

/// The number was closed behind our back: all that waits there ends, handles stay until removed.
void ReadinessReactor::orphan(Descriptor& descriptor) noexcept {
  for (auto* queue : {&descriptor.in, &descriptor.out, &descriptor.polls, &descriptor.due_polls}) {
    while (tau_io* op = queue->pop()) {
      op->entry = nullptr;
      op->result = TAU_E_CLOSED;
      ended_operations_.push(op);
    }
  }
  while (Registration* registration = descriptor.registrations) {
    end_waits(*registration, ~0u, TAU_E_CLOSED);
    IntrusiveQueue<Registration>::unlink(registration);
    registration->descriptor = nullptr;
  }
  descriptor.note_registrations();
  descriptor.watched = false;
  descriptor.hot = 0;
}

void ReadinessReactor::drop_if_unused(Descriptor& descriptor) noexcept {
  if (descriptor.vouched || !descriptor.watched || descriptor.has_operations()) return;
  unwatch(descriptor.fd);
  descriptor.watched = false;
  descriptor.hot = 0;
}

// ---- telling ---------------------------------------------------------------------------------------

/// Whether there was anything to be told.
bool ReadinessReactor::deliver() noexcept {
  bool told = false;
  for (int left = deliveries_per_poll; left > 0; --left) {
    if (tau_fd_wait* wait = ended_waits_.pop()) {
      --pending_;
      told = true;
      call(wait);
    } else if (tau_io* op = ended_operations_.pop()) {
      told = true;
      deliver_ended(op);
    } else if (Descriptor* descriptor = hot_.pop()) {
      told |= try_next(*descriptor);
    } else {
      break;
    }
  }
  return told;
}

/// Completes at most one operation, and sees to it that the others get their turn.
bool ReadinessReactor::try_next(Descriptor& descriptor) noexcept {
  if (descriptor.hot & TAU_IN) {
    if (try_front(descriptor, descriptor.in)) return true;
    descriptor.hot &= static_cast<std::uint16_t>(~unsigned{TAU_IN});
  }
  if (descriptor.hot & TAU_OUT) {
    if (try_front(descriptor, descriptor.out)) return true;
    descriptor.hot &= static_cast<std::uint16_t>(~unsigned{TAU_OUT});
  }
  while (descriptor.polled && !descriptor.due_polls.empty()) {
    if (try_front(descriptor, descriptor.due_polls)) return true;
    descriptor.polls.push(descriptor.due_polls.pop());
  }
  return false;
}

bool ReadinessReactor::try_front(Descriptor& descriptor, IntrusiveQueue<tau_io>& queue) noexcept {
  tau_io* op = queue.front();
  if (!op) return false;
  if (!(op->how & TAU_IO_MULTISHOT ? attempt_multishot(*op) : attempt(*op, Attempt::again))) return false;
  if (Descriptor::is_plain_receive(*op)) descriptor.note_receive(*op);
  if (!(op->how & TAU_IO_MORE)) {
    queue.remove(op);
    op->entry = nullptr;
    --pending_;
    if (op->how != 0) uses_buffers(*op, false);
    drop_if_unused(descriptor);
  }
  heat(descriptor);  // before calling out: the callback may poll() and sleep
  call(op);
  return true;
}

}  // namespace tau::host
