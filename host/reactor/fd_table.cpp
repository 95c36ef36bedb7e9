// See fd_table.hpp.
#include "fd_table.hpp"

#include "attempt.hpp"

namespace tau::host {

IntrusiveQueue<tau_io>& Descriptor::queue_for(const tau_io& op) noexcept {
  switch (op.opcode) {
    case TAU_IO_READ:
    case TAU_IO_RECV:
    case TAU_IO_RECVMSG:
    case TAU_IO_ACCEPT:
      return in;
    case TAU_IO_WRITE:
    case TAU_IO_SEND:
    case TAU_IO_SENDMSG:
    case TAU_IO_CONNECT:
      return out;
    default:
      return polls;
  }
}

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
  if (op.opcode != TAU_IO_RECV || op.flags != 0 || op.result <= 0) return;
  if (!watched || odd || static_cast<std::uint64_t>(op.result) >= op.length) return;
  if (kind == Kind::unknown) kind = is_tcp(fd) ? Kind::tcp : Kind::other;
  if (kind != Kind::tcp) return;
  drained = true;
  hot &= ~std::uint32_t{TAU_IN};
}

bool Descriptor::has_nothing_for(const tau_io& op) const noexcept {
  if (!drained || op.opcode != TAU_IO_RECV || op.flags != 0 || op.length == 0) return false;
  for (const Registration* r = registrations; r; r = r->next) {
    if (r->owner == op.owner) return true;
  }
  return false;
}

Descriptor* FdTable::make(int fd) noexcept {
  Descriptor* descriptor = descriptors_.make(static_cast<std::size_t>(fd));
  if (descriptor) descriptor->fd = fd;
  return descriptor;
}

Registration* FdTable::find(tau_fd handle) const noexcept {
  Registration* registration = registrations_.find(static_cast<std::uint32_t>(handle));
  // An even generation is a free slot's, so 0 and what was never given out find nothing.
  const bool alive = registration && registration->taken() && registration->handle() == handle;
  return alive ? registration : nullptr;
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
  return registration;
}

void FdTable::release(Registration& registration) noexcept {
  if (registration.previous) IntrusiveQueue<Registration>::unlink(&registration);
  ++registration.generation;
  registration.descriptor = nullptr;
  registration.owner = nullptr;
  push_front(&free_, &registration);
}

}  // namespace tau::host
