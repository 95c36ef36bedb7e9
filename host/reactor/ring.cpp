// See ring.hpp.
#include "ring.hpp"

#include <errno.h>
#include <string.h>

namespace tau::host {
namespace {

constexpr unsigned submissions = 256;
constexpr unsigned completions = 4096;
constexpr std::int64_t ns_per_s = 1'000'000'000;

constexpr unsigned features_needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_SUBMIT_STABLE |
                                     IORING_FEAT_RW_CUR_POS | IORING_FEAT_CQE_SKIP | IORING_FEAT_POLL_32BITS;

constexpr struct {
  int code;
  const char* name;
} operations_needed[] = {
    {IORING_OP_POLL_ADD, "poll"},       {IORING_OP_POLL_REMOVE, "poll removal"},
    {IORING_OP_ASYNC_CANCEL, "cancel"}, {IORING_OP_READ, "read"},
    {IORING_OP_WRITE, "write"},         {IORING_OP_OPENAT, "openat"},
    {IORING_OP_CLOSE, "close"},         {IORING_OP_FSYNC, "fsync"},
    {IORING_OP_STATX, "statx"},         {IORING_OP_RENAMEAT, "renameat"},
    {IORING_OP_UNLINKAT, "unlinkat"},   {IORING_OP_MKDIRAT, "mkdirat"},
    {IORING_OP_LINKAT, "linkat"},       {IORING_OP_SYMLINKAT, "symlinkat"},
    {IORING_OP_ACCEPT, "accept"},       {IORING_OP_RECV, "recv"},
    // Came with multishot receives, which there is nothing to ask for.
    {IORING_OP_SEND_ZC, "multishot receives (6.0)"},
};

}  // namespace

Ring::~Ring() {
  if (open_) io_uring_queue_exit(&ring_);
}

bool Ring::try_open(unsigned flags) noexcept {
  io_uring_params params{};
  params.flags = flags | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
  params.cq_entries = completions;
  error_ = -io_uring_queue_init_params(submissions, &ring_, &params);
  open_ = error_ == 0;
  return open_;
}

bool Ring::open(std::string* why) noexcept {
  if (!try_open(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) && error_ == EINVAL) {
    try_open(IORING_SETUP_COOP_TASKRUN);
  }
  if (!open_) {
    *why = error_ == EINVAL ? "the kernel is too old (6.0 is needed)" : strerror(error_);
    return false;
  }
  io_uring_ring_dontfork(&ring_);
  return supports_all(why);
}

bool Ring::supports_all(std::string* why) noexcept {
  if ((ring_.features & features_needed) != features_needed) {
    *why = "the kernel has not all that is needed";
    return false;
  }
  io_uring_probe* probe = io_uring_get_probe_ring(&ring_);
  const char* missing = probe ? nullptr : "the probe";
  for (const auto& operation : operations_needed) {
    if (missing) break;
    if (!io_uring_opcode_supported(probe, operation.code)) missing = operation.name;
  }
  io_uring_free_probe(probe);
  if (missing) *why = std::string("the kernel's has no ") + missing;
  return !missing;
}

io_uring_sqe* Ring::next() noexcept {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (!entry) {
    flush();
    entry = io_uring_get_sqe(&ring_);
  }
  return entry;
}

bool Ring::wants_flush() const noexcept {
  return io_uring_sq_ready(&ring_) != 0 || (flags() & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

void Ring::flush() noexcept { enter(0, IORING_ENTER_GETEVENTS, nullptr); }

int Ring::wait(std::int64_t timeout_ns) noexcept {
  const __kernel_timespec timeout{timeout_ns / ns_per_s, timeout_ns % ns_per_s};
  return enter(1, IORING_ENTER_GETEVENTS, timeout_ns < 0 ? nullptr : &timeout);
}

// By hand, since liburing's own calls go round again where one look is all that we want. What was not taken
// (no memory, a completion queue that is full) stays submitted and is sent with the next enter.
int Ring::enter(unsigned wanted, unsigned flags, const __kernel_timespec* timeout) noexcept {
  io_uring_getevents_arg argument{};
  argument.sigmask_sz = _NSIG / 8;
  argument.ts = reinterpret_cast<std::uint64_t>(timeout);
  auto& sq = ring_.sq;
  const unsigned head = __atomic_load_n(sq.khead, __ATOMIC_ACQUIRE);
  if (const unsigned made = sq.sqe_tail - sq.sqe_head; made != 0) {
    // Each place in the array names the entry of the same number.
    const unsigned mask = *sq.kring_mask;
    unsigned tail = *sq.ktail;
    for (unsigned i = 0; i < made; ++i) sq.array[tail++ & mask] = sq.sqe_head++ & mask;
    __atomic_store_n(sq.ktail, tail, __ATOMIC_RELEASE);
    ++sent_;
  }
  return io_uring_enter2(static_cast<unsigned>(ring_.ring_fd), *sq.ktail - head, wanted, flags | IORING_ENTER_EXT_ARG,
                         reinterpret_cast<sigset_t*>(&argument), sizeof argument);
}

}  // namespace tau::host
