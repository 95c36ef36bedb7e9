// What readiness does not help: files and paths. See readiness.hpp and file_job.hpp.
#include <unistd.h>

#include "attempt.hpp"
#include "file_job.hpp"
#include "readiness.hpp"

namespace tau::host {

bool ReadinessReactor::carry(tau_io* op) noexcept {
  void* const carrier = begin(op);
  return !carrier || pend_carried(op, carrier);
}

/// False: pending, as submit() says it.
bool ReadinessReactor::pend_carried(tau_io* op, void* carrier) noexcept {
  op->entry = carried_by(carrier);
  carried_.push(op);
  ++pending_;
  return false;
}

void ReadinessReactor::withdraw_carried(tau_io* op) noexcept {
  // It is in the other queue while it has arrivals to tell; only the one whose tail it is needs to know.
  (ended_operations_.tail() == &op->next ? ended_operations_ : carried_).remove(op);
  forget(op, carrier_of(*op));
  op->entry = nullptr;
}

void ReadinessReactor::carried_ended(tau_io* op) noexcept {
  carried_.remove(op);
  op->entry = nullptr;
  ended_operations_.push(op);
}

/// Whoever waits for the descriptor is told. A socket or a pipe is closed at once; what has a disk behind it
/// may have to write first.
bool ReadinessReactor::close(tau_io* op) noexcept {
  if (Descriptor* descriptor = table_.find(op->fd); descriptor && descriptor->watched) {
    unwatch(op->fd);
    orphan(*descriptor);
  }
  if (close_blocks(op->fd)) return carry(op);
  run_blocking(*op);
  return true;
}

void* ReadinessReactor::begin(tau_io* op) noexcept {
  if (!offload().start) {
    run_blocking(*op);
    return nullptr;
  }
  return FileJob::start(op, offload(), {[](void* self, tau_io* ended) {
                                          static_cast<ReadinessReactor*>(self)->carried_ended(ended);
                                        },
                                        this});
}

void ReadinessReactor::forget(tau_io*, void* carrier) noexcept { static_cast<FileJob*>(carrier)->forget(); }

/// A descriptor that nobody will learn of is closed.
void ReadinessReactor::discard_result(const tau_io& op) noexcept {
  if (op.opcode == TAU_IO_OPENAT && op.result >= 0) ::close(static_cast<int>(op.result));
}

}  // namespace tau::host
