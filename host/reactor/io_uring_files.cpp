// See io_uring.hpp. This part: files and paths, which the kernel carries out by itself, where it must with
// threads of its own.
//
// The kernel has copied the paths when an operation is sent off; what it writes to at the end is the caller's
// buffer for READ and ours for STATX. So only READ and WRITE have to be waited for by a cancel that comes too
// late to stop them: for as long as the disk takes. The others are let go of: they may still have their
// effect, and a descriptor that one of them opens is closed when it arrives. CLOSE is never canceled.
// See io_uring_enter(2), io_uring_prep_cancel(3).
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "io_uring.hpp"

namespace tau::host {
namespace {

constexpr std::uint64_t most_bytes = 0x7ffff000;  // see attempt.cpp

void prepare(io_uring_sqe* entry, const tau_io& op, void* status) noexcept {
  const auto* path = static_cast<const char*>(op.buffer);
  const auto* other = static_cast<const char*>(op.other);
  const auto length = static_cast<unsigned>(std::min(op.length, most_bytes));
  const auto offset = static_cast<std::uint64_t>(op.offset < 0 ? -1 : op.offset);
  const auto flags = static_cast<int>(op.flags);
  const auto mode = static_cast<mode_t>(op.length);
  switch (op.opcode) {
    case TAU_IO_READ: return io_uring_prep_read(entry, op.fd, op.buffer, length, offset);
    case TAU_IO_WRITE: return io_uring_prep_write(entry, op.fd, op.buffer, length, offset);
    case TAU_IO_OPENAT: return io_uring_prep_openat(entry, op.fd, path, flags, mode);
    case TAU_IO_CLOSE: return io_uring_prep_close(entry, op.fd);
    case TAU_IO_FSYNC:
      return io_uring_prep_fsync(entry, op.fd, (op.flags & TAU_IO_DATASYNC) ? IORING_FSYNC_DATASYNC : 0);
    case TAU_IO_STATX:
      return io_uring_prep_statx(entry, op.fd, path, flags, static_cast<unsigned>(op.length),
                                 static_cast<struct statx*>(status));
    case TAU_IO_RENAMEAT: return io_uring_prep_renameat(entry, op.fd, path, op.other_fd, other, op.flags);
    case TAU_IO_UNLINKAT: return io_uring_prep_unlinkat(entry, op.fd, path, flags);
    case TAU_IO_MKDIRAT: return io_uring_prep_mkdirat(entry, op.fd, path, mode);
    case TAU_IO_LINKAT: return io_uring_prep_linkat(entry, op.fd, path, op.other_fd, other, flags);
    case TAU_IO_SYMLINKAT: return io_uring_prep_symlinkat(entry, path, op.fd, other);
    default: return io_uring_prep_nop(entry);
  }
}

bool is_file_operation(std::uint32_t opcode) noexcept {
  return opcode == TAU_IO_READ || opcode == TAU_IO_WRITE || (opcode >= TAU_IO_OPENAT && opcode <= TAU_IO_SYMLINKAT);
}

}  // namespace

void* UringReactor::begin(tau_io* op) noexcept {
  if (!is_file_operation(op->opcode)) {
    op->result = -EPERM;
    return nullptr;
  }
  Flight* flight = take_flight(op);
  if (!flight) {
    op->result = -ENOMEM;
    return nullptr;
  }
  io_uring_sqe* entry = submission(ignored_tag);
  prepare(entry, *op, flight->status.get());
  entry->user_data = tag_of(*flight);
  flight->entry = entry;
  flight->sent_before = ring_.sent();
  return flight;
}

void UringReactor::forget(tau_io*, void* carrier) noexcept {
  Flight& flight = *static_cast<Flight*>(carrier);
  flight.op = nullptr;
  if (flight.multishot) return forget_multishot(flight);
  if (flight.opcode == TAU_IO_CLOSE) return;
  if (flight.sent_before == ring_.sent()) {
    io_uring_prep_nop(flight.entry);
    flight.entry->user_data = ignored_tag;
    return release(flight);
  }
  ++withdrawn_;
  cancel_tag(tag_of(flight));
  if (flight.opcode == TAU_IO_READ || flight.opcode == TAU_IO_WRITE) await_end(flight);
}

/// Returns when the kernel has said its last word about it.
void UringReactor::await_end(Flight& flight) noexcept {
  const std::uint32_t generation = flight.generation;
  send_off();
  while (flight.generation == generation) {
    ring_.wait(-1);
    fetch();
  }
}

UringReactor::Flight* UringReactor::take_flight(tau_io* op) noexcept {
  Flight* flight = free_flight_;
  if (flight) {
    free_flight_ = flight->next_free;
  } else {
    flight = flights_.make(flights_made_);
    if (!flight) return nullptr;
    flight->index = flights_made_++;
  }
  if (op->opcode == TAU_IO_STATX && !flight->status) flight->status.reset(new (std::nothrow) Status);
  flight->op = op;
  flight->opcode = op->opcode;
  flight->multishot = false;
  if (op->opcode != TAU_IO_STATX || flight->status) return flight;
  release(*flight);
  return nullptr;
}

void UringReactor::release(Flight& flight) noexcept {
  ++flight.generation;
  flight.op = nullptr;
  flight.next_free = free_flight_;
  free_flight_ = &flight;
}

void UringReactor::took_flight(const io_uring_cqe& cqe) noexcept {
  Flight* flight = flights_.find(static_cast<std::uint32_t>(cqe.user_data) & (slot_bit - 1));
  if (!flight || tag_of(*flight) != cqe.user_data) return;
  if (flight->multishot) return took_multishot(*flight, cqe);
  tau_io* op = flight->op;
  const std::uint32_t opcode = flight->opcode;
  if (op && opcode == TAU_IO_STATX && cqe.res == 0) memcpy(op->other, flight->status.get(), sizeof(Status));
  release(*flight);
  if (op) {
    ++happened_;
    op->result = cqe.res;
    carried_ended(op);
  } else if (opcode != TAU_IO_CLOSE) {
    --withdrawn_;
    if (opcode == TAU_IO_OPENAT && cqe.res >= 0) ::close(cqe.res);
  }
}

}  // namespace tau::host
