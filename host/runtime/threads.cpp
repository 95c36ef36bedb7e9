// See threads.hpp.
#include "threads.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csetjmp>
#include <fstream>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <vector>

#include "fiber/fibers.hpp"
#include "fiber/parking.hpp"
#include "runtime.hpp"

namespace tau::host::threads {
namespace {

struct Joiner {
  tau_parker parker{};
};

/// Kept until its thread has been joined, by the plugin or by us.
struct Record {
  Runtime* const runtime;
  Owner* const owner;
  void* (*const start)(void*);
  void* const argument;
  pthread_t thread{};
  pid_t tid = 0;  // 0: not begun
  bool detached = false;
  bool ended = false;    // it is a moment from its end, and has left the plugin's code
  bool claimed = false;  // somebody joins it
  Joiner* joiner = nullptr;
  std::jmp_buf bottom{};

  Record(Runtime& runtime, Owner& owner, void* (*start)(void*), void* argument) noexcept
      : runtime(&runtime), owner(&owner), start(start), argument(argument) {}
};

struct All {
  std::mutex mutex;
  std::vector<std::unique_ptr<Record>> records;

  /// Null if it is none of ours. One that has just been joined may be here still, and its name another's: the newest.
  Record* find(pthread_t thread) const noexcept {
    const auto found = std::find_if(records.rbegin(), records.rend(),
                                    [thread](const auto& record) { return pthread_equal(record->thread, thread); });
    return found == records.rend() ? nullptr : found->get();
  }
  void erase(const Record* record) noexcept {
    std::erase_if(records, [record](const auto& each) { return each.get() == record; });
  }
};

All& all() {
  static auto* all = new All;  // threads may outlive main()
  return *all;
}

/// Joins those that have ended and that nobody else is to join.
template <class Condition>
void join_ended(Condition condition) noexcept {
  for (;;) {
    std::unique_lock lock(all().mutex);
    auto& records = all().records;
    const auto found = std::find_if(records.begin(), records.end(), [&](const auto& record) {
      return record->ended && !record->claimed && condition(*record);
    });
    if (found == records.end()) return;
    const std::unique_ptr<Record> record = std::move(*found);
    records.erase(found);
    lock.unlock();
    pthread_join(record->thread, nullptr);
  }
}

// The calling thread's own, where a plugin started it.
constinit thread_local Record* current = nullptr;

void end(Record* record) noexcept {
  Runtime& runtime = *record->runtime;
  Owner& owner = *record->owner;
  current = nullptr;
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);  // pthread_join would be a place to be unwound from
  // Detached ones have nobody else to join them; only those that ended before, so that no two wait for each other, and
  // of the same owner, so that none waits for another's thread_local objects.
  join_ended([&owner](const Record& each) { return each.detached && each.owner == &owner; });
  {
    const std::lock_guard lock(all().mutex);
    record->ended = true;
    if (record->joiner) unpark(runtime, record->joiner->parker);
  }
  // The unloader joins this thread before it is done with the owner.
  owner.threads.fetch_sub(1, std::memory_order_seq_cst);
  runtime.let_go();
}

void* run(void* self) {
  // Also when the thread ends by pthread_exit or is cancelled, which unwinds it.
  struct End {
    Record* record;
    ~End() { end(record); }
  } at_end{static_cast<Record*>(self)};
  Record& record = *at_end.record;
  {
    const std::lock_guard lock(all().mutex);
    record.thread = pthread_self();
    record.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  }
  current = &record;
  if (_setjmp(record.bottom) != 0) return nullptr;
  try {
    return record.start(record.argument);
  } catch (const Unwinding&) {
    return nullptr;  // asked to leave
  }
}

/// While it lives nobody else may join the thread.
class Claim {
 public:
  /// Who does not `wait` keeps nobody from joining a thread that runs.
  Claim(pthread_t thread, bool wait) noexcept {
    const std::lock_guard lock(all().mutex);
    Record* const found = all().find(thread);
    if (!found && wait) return;
    if (!found || found->claimed || found->detached) {
      refusal_ = -EINVAL;
    } else if (!wait && !found->ended) {
      refusal_ = -ETIMEDOUT;
    } else {
      record_ = found;
      record_->claimed = true;
    }
  }
  Claim(const Claim&) = delete;
  ~Claim() {
    if (!record_) return;
    const std::lock_guard lock(all().mutex);
    if (joined_) {
      all().erase(record_);
    } else {
      record_->claimed = false;
    }
  }

  /// 0 or -errno.
  std::int32_t refusal() const noexcept { return refusal_; }
  /// Null if the thread is none of ours.
  Record* record() const noexcept { return record_; }
  void joined() noexcept { joined_ = true; }

 private:
  Record* record_ = nullptr;
  std::int32_t refusal_ = 0;
  bool joined_ = false;
};

/// Returns 0 or -errno. Throws Unwinding.
std::int32_t wait_for_end(Runtime& runtime, Owner& owner, Record& record, std::uint64_t deadline_ns) {
  Joiner joiner;
  {
    const std::lock_guard lock(all().mutex);
    if (record.ended) return 0;
    record.joiner = &joiner;
  }
  struct Leave {
    Record& record;
    ~Leave() {
      const std::lock_guard lock(all().mutex);
      record.joiner = nullptr;
    }
  } leave{record};
  const std::int32_t status = park(runtime, owner, joiner.parker, deadline_ns);
  return status == TAU_E_NO_MEMORY ? -EAGAIN : status == TAU_E_TIMED_OUT ? -ETIMEDOUT : 0;
}

}  // namespace

std::int32_t create(Runtime& runtime, Owner& owner, pthread_t* thread, const pthread_attr_t* attributes,
                    void* (*start)(void*), void* argument) noexcept {
  // Counted first: the unloader looks at the phase before it looks at the count.
  owner.threads.fetch_add(1, std::memory_order_seq_cst);
  auto give_up = [&](int error) {
    owner.threads.fetch_sub(1, std::memory_order_seq_cst);
    runtime.let_go();
    return -error;
  };
  // plugin_destroy may still start one to finish with; a module that is being closed may not.
  if (owner.phase.load(std::memory_order_seq_cst) > Phase::unloading) return give_up(EAGAIN);
  // So that the record does not end before its thread's name is in it.
  const std::lock_guard lock(all().mutex);
  Record* record = nullptr;
  try {
    all().records.push_back(std::make_unique<Record>(runtime, owner, start, argument));
    record = all().records.back().get();
  } catch (const std::bad_alloc&) {
    return give_up(EAGAIN);
  }
  // A detached one is joined by us. What a copy shares with the caller's attributes is only read.
  std::optional<pthread_attr_t> joinable;
  int state = PTHREAD_CREATE_JOINABLE;
  if (attributes) pthread_attr_getdetachstate(attributes, &state);
  if (state == PTHREAD_CREATE_DETACHED) {
    record->detached = true;
    joinable = *attributes;
    pthread_attr_setdetachstate(&*joinable, PTHREAD_CREATE_JOINABLE);
    attributes = &*joinable;
  }
  const int error = ::pthread_create(thread, attributes, run, record);
  if (error == 0) {
    record->thread = *thread;
    return 0;
  }
  all().erase(record);
  return give_up(error);
}

std::int32_t join(Runtime& runtime, Owner& owner, pthread_t thread, void** result, std::uint64_t deadline_ns) {
  Claim claim(thread, deadline_ns != 0);
  if (claim.refusal() != 0) return claim.refusal();
  if (!claim.record() && deadline_ns != UINT64_MAX) return -EINVAL;
  if (claim.record() && (runtime.on_loop() || deadline_ns != UINT64_MAX)) {
    if (const std::int32_t error = wait_for_end(runtime, owner, *claim.record(), deadline_ns)) return error;
  }
  // It has left the plugin's code, or nobody else needs this thread: a moment, or the caller's own.
  const int error = ::pthread_join(thread, result);
  if (error == 0) claim.joined();
  return -error;
}

std::int32_t detach(pthread_t thread) noexcept {
  {
    const std::lock_guard lock(all().mutex);
    if (Record* record = all().find(thread)) {
      if (record->claimed || record->detached) return -EINVAL;
      record->detached = true;
      return 0;
    }
  }
  return -::pthread_detach(thread);
}

void join_those_of(const Owner& owner) noexcept {
  join_ended([&owner](const Record& record) { return record.owner == &owner; });
}

void ask_to_leave(Owner& owner) noexcept {
  owner.threads_leave.store(true, std::memory_order_seq_cst);
  wake_threads_of(owner);
}

bool is_asked_to_leave(const Owner& owner) noexcept {
  return current && current->owner == &owner && owner.threads_leave.load(std::memory_order_seq_cst);
}

void abandon() noexcept {
  if (current && is_asked_to_leave(*current->owner)) std::longjmp(current->bottom, 1);
}

std::string names(const Owner& owner) {
  constexpr std::size_t shown = 4;
  std::string text;
  std::size_t count = 0;
  const std::lock_guard lock(all().mutex);
  for (const auto& record : all().records) {
    if (record->owner != &owner || record->tid == 0 || record->ended || ++count > shown) continue;
    std::string name;
    std::ifstream("/proc/self/task/" + std::to_string(record->tid) + "/comm") >> name;
    text += (text.empty() ? "'" : ", '") + name + "' (" + std::to_string(record->tid) + ")";
  }
  if (count > shown) text += " and " + std::to_string(count - shown) + " more";
  return text;
}

}  // namespace tau::host::threads
