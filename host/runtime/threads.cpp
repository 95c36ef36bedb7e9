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
#include <vector>

#include "fiber/fibers.hpp"
#include "fiber/parking.hpp"
#include "runtime.hpp"

namespace tau::host::threads {
namespace {

struct Joiner {
  tau_parker parker{};
};

struct Record {
  Runtime* const runtime;
  Owner* const owner;
  void* (*const start)(void*);
  void* const argument;
  pthread_t thread{};
  pid_t tid = 0;  // 0: not begun
  Joiner* joiner = nullptr;
  std::jmp_buf bottom{};

  Record(Runtime& runtime, Owner& owner, void* (*start)(void*), void* argument) noexcept
      : runtime(&runtime), owner(&owner), start(start), argument(argument) {}
};

struct All {
  std::mutex mutex;
  std::vector<Record*> records;
};

All& all() {
  static auto* all = new All;  // threads may outlive main()
  return *all;
}

// The calling thread's own, where a plugin started it.
constinit thread_local Record* current = nullptr;

void end(Record* record) noexcept {
  const std::unique_ptr<Record> ended(record);
  {
    const std::lock_guard lock(all().mutex);
    std::erase(all().records, record);
    // Under the lock: the joiner goes when it is not found here any more.
    if (record->joiner) unpark(*record->runtime, record->joiner->parker);
  }
  record->owner->threads.fetch_sub(1, std::memory_order_seq_cst);
  record->runtime->let_go();
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
  auto* record = new (std::nothrow) Record(runtime, owner, start, argument);
  if (!record) return give_up(EAGAIN);
  try {
    const std::lock_guard lock(all().mutex);
    all().records.push_back(record);
  } catch (const std::bad_alloc&) {
    delete record;
    return give_up(EAGAIN);
  }
  const std::lock_guard lock(all().mutex);  // so that the record does not end before its thread's name is in it
  const int error = ::pthread_create(thread, attributes, run, record);
  if (error == 0) {
    record->thread = *thread;
    return 0;
  }
  std::erase(all().records, record);
  delete record;
  return give_up(error);
}

std::int32_t join(Runtime& runtime, Owner& owner, pthread_t thread, void** result) {
  if (runtime.on_loop()) {
    Joiner joiner;
    bool running = false;
    {
      const std::lock_guard lock(all().mutex);
      for (Record* record : all().records) {
        if (!pthread_equal(record->thread, thread)) continue;
        if (record->joiner) return -EINVAL;  // another call joins it already
        record->joiner = &joiner;
        running = true;
      }
    }
    struct Leave {
      Joiner& joiner;
      ~Leave() {
        const std::lock_guard lock(all().mutex);
        for (Record* record : all().records) {
          if (record->joiner == &joiner) record->joiner = nullptr;
        }
      }
    } leave{joiner};
    if (running && park(runtime, owner, joiner.parker, UINT64_MAX) == TAU_E_NO_MEMORY) return -EAGAIN;
  }
  // It has left the plugin's code, or nobody else needs this thread: a moment, or the caller's own.
  return -::pthread_join(thread, result);
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
  for (const Record* record : all().records) {
    if (record->owner != &owner || record->tid == 0 || ++count > shown) continue;
    std::string name;
    std::ifstream("/proc/self/task/" + std::to_string(record->tid) + "/comm") >> name;
    text += (text.empty() ? "'" : ", '") + name + "' (" + std::to_string(record->tid) + ")";
  }
  if (count > shown) text += " and " + std::to_string(count - shown) + " more";
  return text;
}

}  // namespace tau::host::threads
