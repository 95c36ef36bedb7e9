// See io_uring.hpp. This part: accepts and receives that go on by themselves.
//
// A multishot request posts one completion per arrival and says with each whether more will come
// (IORING_CQE_F_MORE); it ends with an error, with the end of the stream, when its group has no piece left
// (ENOBUFS), or when the completion queue is full. A group is a ring of buffers in shared memory from which the
// kernel takes one when bytes arrive and not before (5.19), so giving one back costs no system call.
// See io_uring_prep_recv_multishot(3), io_uring_prep_multishot_accept(3), io_uring_register_buf_ring(3).
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io_uring.hpp"

namespace tau::host {
namespace {

io_uring_buf_ring* view_of(const BufferGroup& group) noexcept {
  return static_cast<io_uring_buf_ring*>(group.provided);
}

std::size_t view_bytes(const BufferGroup& group) noexcept { return group.count * sizeof(io_uring_buf); }

void put(BufferGroup& group, std::uint32_t piece, int place) noexcept {
  io_uring_buf_ring_add(view_of(group), group.piece(piece), group.size, static_cast<unsigned short>(piece),
                        io_uring_buf_ring_mask(group.count), place);
}

}  // namespace

void* UringReactor::begin_multishot(tau_io* op, bool*) noexcept {
  Flight* flight = take_flight(op);
  if (!flight) {
    op->result = -ENOMEM;
    return nullptr;
  }
  flight->multishot = flight->armed = true;
  flight->group = nullptr;
  io_uring_sqe* entry = submission(ignored_tag);
  if (op->opcode == TAU_IO_ACCEPT) {
    io_uring_prep_multishot_accept(entry, op->fd, nullptr, nullptr, static_cast<int>(op->flags));
  } else {
    flight->group = buffers_.find(op->group);
    io_uring_prep_recv_multishot(entry, op->fd, nullptr, 0, static_cast<int>(op->flags));
    entry->flags = IOSQE_BUFFER_SELECT;
    entry->buf_group = static_cast<std::uint16_t>(flight->group->index);
  }
  entry->user_data = tag_of(*flight);
  flight->entry = entry;
  flight->sent_before = ring_.sent();
  return flight;
}

void UringReactor::took_multishot(Flight& flight, const io_uring_cqe& cqe) noexcept {
  const std::uint32_t piece =
      (cqe.flags & IORING_CQE_F_BUFFER) ? cqe.flags >> IORING_CQE_BUFFER_SHIFT : no_piece;
  if (piece != no_piece) flight.group->lent[piece] = true;
  flight.armed = (cqe.flags & IORING_CQE_F_MORE) != 0;

  Arrived* arrived = flight.op ? take_arrived(flight) : nullptr;
  if (!arrived) {  // canceled, or there is no memory
    discard(flight, cqe.res, piece);
    if (!flight.armed) release(flight);
    return;
  }
  *arrived = {cqe.res, piece, nullptr};
  const bool first = flight.first == nullptr;
  (first ? flight.first : flight.last->next) = arrived;
  flight.last = arrived;
  ++happened_;
  if (first) carried_arrived(flight.op);
}

/// The last one has its place in the flight, so that at least the end is told when there is no memory.
UringReactor::Arrived* UringReactor::take_arrived(Flight& flight) noexcept {
  if (!flight.armed) return &flight.end;
  if (Arrived* arrived = free_arrival_) {
    free_arrival_ = arrived->next;
    return arrived;
  }
  Arrived* arrived = arrivals_.make(arrivals_made_);
  arrivals_made_ += arrived != nullptr;
  return arrived;
}

void UringReactor::release_first(Flight& flight) noexcept {
  Arrived* arrived = flight.first;
  flight.first = arrived->next;
  if (arrived == &flight.end) return;
  arrived->next = free_arrival_;
  free_arrival_ = arrived;
}

ReadinessReactor::Arrival UringReactor::next_arrival(tau_io* op, void* carrier) noexcept {
  Flight& flight = *static_cast<Flight*>(carrier);
  const Arrived* arrived = flight.first;
  op->result = arrived->result;
  op->buffer = nullptr;
  if (arrived->piece != no_piece && arrived->result > 0) {
    op->piece = arrived->piece;
    op->buffer = flight.group->piece(op->piece);
  } else if (arrived->piece != no_piece) {
    discard(flight, 0, arrived->piece);
  }
  release_first(flight);
  if (flight.first) return Arrival::more_here;
  if (flight.armed) return Arrival::more_to_come;
  release(flight);
  return Arrival::last;
}

/// Nobody will learn of it.
void UringReactor::discard(const Flight& flight, std::int32_t result, std::uint32_t piece) noexcept {
  if (piece != no_piece) give_back(flight.group->handle(), piece);
  if (flight.opcode == TAU_IO_ACCEPT && result >= 0) ::close(result);
}

void UringReactor::forget_multishot(Flight& flight) noexcept {
  for (; flight.first; release_first(flight)) discard(flight, flight.first->result, flight.first->piece);
  if (!flight.armed) return release(flight);
  if (flight.sent_before == ring_.sent()) {
    io_uring_prep_nop(flight.entry);
    flight.entry->user_data = ignored_tag;
    return release(flight);
  }
  cancel_tag(tag_of(flight));
  await_end(flight);
}

// ---- buffers -------------------------------------------------------------------------------------------

std::int32_t UringReactor::provide(BufferGroup& group) noexcept {
  void* memory = ::mmap(nullptr, view_bytes(group), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return TAU_E_NO_MEMORY;
  // A child would otherwise make copies of what the kernel reads.
  ::madvise(memory, view_bytes(group), MADV_DONTFORK);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(memory);
  registration.ring_entries = group.count;
  registration.bgid = static_cast<std::uint16_t>(group.index);
  if (const int status = io_uring_register_buf_ring(ring_.raw(), &registration, 0); status < 0) {
    ::munmap(memory, view_bytes(group));
    return status;
  }
  group.provided = memory;
  io_uring_buf_ring_init(view_of(group));
  for (std::uint32_t piece = 0; piece < group.count; ++piece) put(group, piece, static_cast<int>(piece));
  io_uring_buf_ring_advance(view_of(group), static_cast<int>(group.count));
  return 0;
}

void UringReactor::provide_again(BufferGroup& group, std::uint32_t piece) noexcept {
  put(group, piece, 0);
  io_uring_buf_ring_advance(view_of(group), 1);
}

void UringReactor::unprovide(BufferGroup& group) noexcept {
  io_uring_unregister_buf_ring(ring_.raw(), static_cast<int>(group.index));
  ::munmap(group.provided, view_bytes(group));
  group.provided = nullptr;
}

}  // namespace tau::host
