// Multishot operations, and the buffers they fill. See readiness.hpp.
//
// Imitated, a multishot operation stays at the head of its descriptor's queue and is tried whenever there may
// be something; each try is one arrival. A piece is taken right before the recv that fills it, so those that
// wait hold none.
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "attempt.hpp"
#include "readiness.hpp"

namespace tau::host {

bool ReadinessReactor::submit_multishot(tau_io* op) noexcept {
  op->how &= ~unsigned{TAU_IO_MORE};
  if (op->opcode == TAU_IO_RECV && !buffers_.find(op->group)) {
    op->result = TAU_E_STALE;
    return true;
  }
  bool imitate = false;
  void* const carrier = begin_multishot(op, &imitate);
  if (carrier) {
    uses_buffers(*op, true);
    return pend_carried(op, carrier);
  }
  if (!imitate) return true;

  Descriptor* descriptor = table_.find(op->fd);
  if (!descriptor) {
    if (::fcntl(op->fd, F_GETFD) < 0) {
      op->result = -errno;
      return true;
    }
    descriptor = table_.make(op->fd);
  }
  if (const std::int32_t status = descriptor ? ensure_watched(*descriptor, op->owner) : -ENOMEM; status < 0) {
    op->result = status;
    return true;
  }
  op->entry = descriptor;
  descriptor->in.push(op);
  descriptor->hot |= TAU_IN;
  heat(*descriptor);
  uses_buffers(*op, true);
  ++pending_;
  return false;
}

void* ReadinessReactor::begin_multishot(tau_io*, bool* imitate) noexcept {
  *imitate = true;
  return nullptr;
}

/// As attempt(): true when there is something to be told, with TAU_IO_MORE set if it is not the last.
bool ReadinessReactor::attempt_multishot(tau_io& op) noexcept {
  const bool told = op.opcode == TAU_IO_ACCEPT ? attempt(op, Attempt::again) : attempt_receive_piece(op);
  if (!told) return false;
  const bool goes_on = op.opcode == TAU_IO_ACCEPT ? op.result >= 0 : op.result > 0;
  op.how = goes_on ? TAU_IO_MULTISHOT | TAU_IO_MORE : TAU_IO_MULTISHOT;
  return true;
}

bool ReadinessReactor::attempt_receive_piece(tau_io& op) noexcept {
  BufferGroup& group = *buffers_.find(op.group);  // it stays while it has users
  if (group.free.empty()) {
    // Only if there is anything to be put into one.
    char byte;
    tau_io look = op;
    look.flags |= MSG_PEEK;
    look.buffer = &byte;
    look.length = 1;
    if (!attempt(look, Attempt::again)) return false;
    op.result = look.result > 0 ? -ENOBUFS : look.result;
    return true;
  }
  const std::uint32_t piece = group.free.back();
  op.buffer = group.piece(piece);
  op.length = group.size;
  if (!attempt(op, Attempt::again)) return false;
  if (op.result > 0) {
    group.free.pop_back();
    group.lent[piece] = true;
    op.piece = piece;
  }
  return true;
}

// ---- telling what a carrier brought --------------------------------------------------------------------

void ReadinessReactor::carried_arrived(tau_io* op) noexcept {
  carried_.remove(op);
  ended_operations_.push(op);
}

void ReadinessReactor::deliver_ended(tau_io* op) noexcept {
  const Arrival arrival = is_carried(*op) ? next_arrival(op, carrier_of(*op)) : Arrival::last;
  if (arrival == Arrival::last) {
    op->entry = nullptr;
    op->how &= ~unsigned{TAU_IO_MORE};
    --pending_;
    uses_buffers(*op, false);
  } else {
    op->how |= TAU_IO_MORE;
    (arrival == Arrival::more_here ? ended_operations_ : carried_).push(op);
  }
  call(op);
}

ReadinessReactor::Arrival ReadinessReactor::next_arrival(tau_io*, void*) noexcept { return Arrival::last; }

// ---- buffers -------------------------------------------------------------------------------------------

std::int32_t ReadinessReactor::make_buffers(tau_plugin* owner, std::uint32_t count, std::uint32_t size,
                                            tau_buffers* out) noexcept {
  std::int32_t status = 0;
  BufferGroup* group = buffers_.make(owner, count, size, &status);
  if (!group) return status;
  if (status = provide(*group); status < 0) {
    buffers_.release(*group);
    return status;
  }
  *out = group->handle();
  return 0;
}

std::int32_t ReadinessReactor::drop_buffers(tau_buffers handle) noexcept {
  BufferGroup* group = buffers_.find(handle);
  if (!group) return TAU_E_STALE;
  if (group->users != 0) return TAU_E_BUSY;
  free_buffers(*group);
  return 0;
}

tau_plugin* ReadinessReactor::owner_of_buffers(tau_buffers handle) const noexcept {
  const BufferGroup* group = buffers_.find(handle);
  return group ? group->owner : nullptr;
}

void ReadinessReactor::give_back(tau_buffers handle, std::uint32_t piece) noexcept {
  BufferGroup* group = buffers_.find(handle);
  if (!group || piece >= group->count || !group->lent[piece]) return;
  group->lent[piece] = false;
  if (group->provided) {
    provide_again(*group, piece);
  } else {
    group->free.push_back(piece);
  }
}

void ReadinessReactor::free_buffers(BufferGroup& group) noexcept {
  if (group.provided) unprovide(group);
  buffers_.release(group);
}

void ReadinessReactor::uses_buffers(const tau_io& op, bool begins) noexcept {
  if (!(op.how & TAU_IO_MULTISHOT) || op.opcode != TAU_IO_RECV) return;
  if (BufferGroup* group = buffers_.find(op.group)) begins ? ++group->users : --group->users;
}

std::int32_t ReadinessReactor::provide(BufferGroup&) noexcept { return 0; }
void ReadinessReactor::provide_again(BufferGroup&, std::uint32_t) noexcept {}
void ReadinessReactor::unprovide(BufferGroup&) noexcept {}

}  // namespace tau::host
