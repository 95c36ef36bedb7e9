// See fd_table.hpp.
#include "fd_table.hpp"

#include "attempt.hpp"

namespace tau::host {

void Descriptor::remove(tau_io* op) noexcept {
  IntrusiveQueue<tau_io>& queue = queue_for(*op);
  // A poll is in one of two queues; only the one whose tail it is needs to know that it goes.
  if (&queue == &polls && due_polls.tail() == &op->next) {
    due_polls.remove(op);
  } else {
    queue.remove(op);
  }
}

void Descriptor::note_receive(const tau_io& op) noexcept {
  const bool filled = static_cast<std::uint64_t>(op.result) >= op.length;
  if (left == Left::perhaps && lulls != 0) --lulls;
  left = Left::unknown;
  if (op.result <= 0 || !watched || odd) return;
  if (kind == Kind::unknown) kind = is_tcp(fd) ? Kind::tcp : Kind::other;
  if (kind != Kind::tcp) return;
  left = filled ? Left::perhaps : Left::nothing;
  if (!filled) hot &= static_cast<std::uint16_t>(~unsigned{TAU_IN});
}

void Descriptor::note_registrations() noexcept {
  vouched = registrations != nullptr;
  voucher = vouched ? registrations->owner : nullptr;
}

bool Descriptor::vouched_by_older(const tau_plugin* owner) const noexcept {
  for (const Registration* r = registrations; r; r = r->next) {
    if (r->owner == owner) return true;
  }
  return false;
}

Descriptor* FdTable::make(int fd) noexcept {
  Descriptor* descriptor = descriptors_.make(static_cast<std::size_t>(fd));
  if (descriptor) descriptor->fd = fd;
  return descriptor;
}

Registration* FdTable::take(Descriptor& descriptor, tau_plugin* owner) noexcept {
  Registration* registration = free_;
  if (registration) {
    IntrusiveQueue<Registration>::unlink(registration);
  } else {
    registration = registrations_.make(made_);
    if (!registration) return nullptr;
    registration->index = made_++;
  }
  ++registration->generation;
  registration->descriptor = &descriptor;
  registration->owner = owner;
  registration->ready = 0;
  registration->waits = nullptr;
  push_front(&descriptor.registrations, registration);
  descriptor.note_registrations();
  return registration;
}

void FdTable::release(Registration& registration) noexcept {
  if (registration.previous) IntrusiveQueue<Registration>::unlink(&registration);
  if (registration.descriptor) registration.descriptor->note_registrations();
  ++registration.generation;
  registration.descriptor = nullptr;
  registration.owner = nullptr;
  push_front(&free_, &registration);
}

}  // namespace tau::host
