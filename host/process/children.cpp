// See children.hpp.
#include "process/children.hpp"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <new>
#include <utility>
#include <vector>

#include "process/start_job.hpp"

namespace tau::host {

struct Children::Retry : tau_job {
  Child* child;
};

struct Children::Child : tau_io {
  Children* of;
  tau_child id;
  Owner* parent;  // whose handle it is; self_ when it was given up
  pid_t pid;
  std::uint32_t options;
  bool has_ended = false;
  bool killed = false;
  std::int32_t how = 0;  // status of wait(2), or -errno when that is not to be had
  tau_wait* waiting = nullptr;
  Retry retry{};

  Child() noexcept : tau_io{} {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (fd >= 0) ::close(fd);
  }
  bool is_given_up() const noexcept { return parent == &of->self_; }
};

Children::Children(Reactor& reactor, BlockingPool& pool) noexcept : reactor_(reactor), pool_(pool) {
  self_.name = "tau";
  self_.phase = Phase::running;
  // Inherited from whoever started us, it would have the kernel reap our children before we can ask how they
  // ended. See waitid(2), notes.
  struct sigaction now {};
  if (sigaction(SIGCHLD, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN) {
    now.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &now, nullptr);
  }
}

Children::~Children() {
  for (auto& [id, child] : children_) {
    if (reactor_.cancel(child.get())) --self_.ios;
    std::int32_t status = 0;
    if (child->has_ended) continue;
    if (child->killed) {
      await_child(child->fd, child->pid);
    } else {
      reap_child(child->fd, child->pid, &status);
    }
  }
}

std::size_t Children::unreaped() const noexcept {
  std::size_t count = 0;
  for (const auto& [id, child] : children_) count += !child->has_ended;
  return count;
}

Children::Child* Children::find(tau_child child) const noexcept {
  const auto at = children_.find(child);
  return at == children_.end() || at->second->is_given_up() ? nullptr : at->second.get();
}

// ---- starting ------------------------------------------------------------------------------------

std::int32_t Children::spawn(tau_process& process) noexcept try {
  if (!process.owner || !process.done || !process.program || !process.arguments || process.job) {
    return TAU_E_INVALID;
  }
  if (!process.owner->accepts()) return TAU_E_UNLOADING;
  auto job = std::make_unique<StartJob>(*this, process);
  if (const std::int32_t status = job->copy(); status < 0) return status;
  if (const std::int32_t status = pool_.submit(job.get()); status < 0) return status;
  job.release();
  return TAU_PENDING;
} catch (...) {
  return TAU_E_NO_MEMORY;
}

void Children::cancel(tau_process& process) noexcept {
  auto* job = static_cast<StartJob*>(process.job);
  if (!job) return;
  job->forget();
  if (pool_.cancel(job) == TAU_OK) delete job;  // no thread has taken it up
}

std::int32_t Children::adopt(Owner& owner, const StartResult& started, std::uint32_t options,
                             tau_child* out) noexcept {
  std::unique_ptr<Child> fresh(new (std::nothrow) Child);
  Child* child = fresh.get();
  try {
    if (!child) throw std::bad_alloc();
    child->fd = started.watch;
    children_.reserve(children_.size() + 1);
    children_.emplace(last_ + 1, std::move(fresh));
  } catch (...) {
    signal_child(started.watch, started.pid, SIGKILL);
    await_child(started.watch, started.pid);
    if (!child) ::close(started.watch);
    return TAU_E_NO_MEMORY;
  }
  child->of = this;
  child->id = *out = ++last_;
  child->parent = &owner;
  child->pid = started.pid;
  child->options = options;
  child->owner = &self_;
  child->opcode = TAU_IO_POLL;
  child->flags = TAU_IN;
  child->done = [](tau_io* self) {
    auto& mine = *static_cast<Child*>(self);
    mine.of->ended(mine);
  };
  ++owner.children;
  watch(*child);
  return TAU_OK;
}

void Children::watch(Child& child) noexcept {
  if (reactor_.submit(&child)) return ended(child);
  ++self_.ios;
}

/// The system says that it has ended and does not hand it over yet: a debugger comes first. Asked again soon,
/// from the pool, because there is no event to wait for.
void Children::ask_again(Child& child) noexcept {
  Retry& retry = child.retry;
  retry.run = [](tau_job*) { ::usleep(10'000); };
  retry.done = [](tau_job* self) {
    Child& mine = *static_cast<Retry*>(self)->child;
    mine.of->ended(mine);
  };
  retry.owner = &self_;
  retry.child = &child;
  if (pool_.submit(&retry) < 0) settle(child, -ECHILD);
}

// ---- ending --------------------------------------------------------------------------------------

void Children::ended(Child& child) noexcept {
  std::int32_t status = 0;
  const std::int32_t answer = reap_child(child.fd, child.pid, &status);
  if (answer == 0) return ask_again(child);
  settle(child, answer < 0 ? answer : status);
}

void Children::settle(Child& child, std::int32_t how) noexcept {
  child.has_ended = true;
  child.how = how;
  if (tau_wait* wait = child.waiting) {
    cancel_wait(*wait);
    wait->fire(wait);
    return;  // which may have given it up
  }
  if (child.is_given_up()) children_.erase(child.id);
}

std::int32_t Children::wait(tau_child id, tau_wait& wait) noexcept {
  Child* child = find(id);
  if (!child) return TAU_E_STALE;
  if (child->has_ended) return TAU_READY;
  if (!wait.owner->accepts()) return TAU_E_UNLOADING;
  if (child->waiting) return TAU_E_BUSY;
  child->waiting = &wait;
  wait.linked = child;
  ++wait.owner->waits;
  return TAU_PENDING;
}

void Children::cancel_wait(tau_wait& wait) noexcept {
  auto* child = static_cast<Child*>(wait.linked);
  if (!child) return;
  child->waiting = nullptr;
  wait.linked = nullptr;
  --wait.owner->waits;
}

std::int32_t Children::status(tau_child id, std::int32_t* status) const noexcept {
  const Child* child = find(id);
  if (!child) return TAU_E_STALE;
  if (!child->has_ended) return TAU_PENDING;
  if (child->how < 0) return child->how;
  *status = child->how;
  return TAU_READY;
}

std::int32_t Children::signal(tau_child id, int number) noexcept {
  Child* child = find(id);
  if (!child) return TAU_E_STALE;
  return child->has_ended ? -ESRCH : signal_child(child->fd, child->pid, number);
}

std::int32_t Children::release(tau_child id) noexcept {
  Child* child = find(id);
  if (!child) return TAU_E_STALE;
  give_up(*child);
  return TAU_OK;
}

void Children::give_up(Child& child) noexcept {
  --child.parent->children;
  child.parent = &self_;
  tau_wait* const wait = child.waiting;
  if (wait) cancel_wait(*wait);
  if (child.has_ended) {
    children_.erase(child.id);
  } else if (child.options & TAU_PROCESS_KILL_ON_DROP) {
    child.killed = signal_child(child.fd, child.pid, SIGKILL) == 0;
  }
  if (wait) wait->fire(wait);
}

void Children::drop_owner(Owner& owner) noexcept {
  for (StartJob* job = starting_; job;) {
    StartJob* const next = job->next_;
    if (&job->for_whom() == &owner) job->forget();
    job = next;
  }
  for (auto at = children_.begin(); at != children_.end();) {
    Child& child = *at->second;
    ++at;  // giving it up may erase it
    if (child.waiting && child.waiting->owner == &owner) cancel_wait(*child.waiting);
    if (child.parent == &owner) give_up(child);
  }
}

}  // namespace tau::host
