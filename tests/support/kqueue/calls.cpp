// kqueue(2) and kevent(2) themselves, and what they learn of close, dup2 and dup3: the linker's --wrap sends
// the test program's calls here first. Queues are found by number without a lock, for signal handlers.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>

#include "queue.hpp"

using tau::test::kqueue_emulation::Event;
using tau::test::kqueue_emulation::Queue;

extern "C" {
int __real_close(int fd);
int __real_dup2(int from, int to);
int __real_dup3(int from, int to, int flags);
}

namespace {

class AllQueues {
 public:
  AllQueues() {
    ::pthread_atfork([] { all().mutex_.lock(); }, [] { all().mutex_.unlock(); }, [] { all().forked(); });
  }

  static AllQueues& all() {
    static AllQueues* const queues = new AllQueues;  // closes may come after the last destructor
    return *queues;
  }

  static Queue* find(int number) noexcept {
    const auto index = static_cast<std::size_t>(number);
    return number >= 0 && index < by_number.size() ? by_number[index].load(std::memory_order_acquire)
                                                   : nullptr;
  }

  int make() {
    auto queue = std::make_unique<Queue>();
    const int number = queue->number();
    if (number < 0 || static_cast<std::size_t>(number) >= by_number.size()) return -EMFILE;
    const std::lock_guard lock(mutex_);
    queues_.push_back(queue.get());
    by_number[static_cast<std::size_t>(number)].store(queue.release(), std::memory_order_release);
    return number;
  }

  /// `fd` is about to be closed. Returns whether it was a queue, and is closed already.
  bool closes(int fd) {
    std::unique_ptr<Queue> closed;
    const std::lock_guard lock(mutex_);
    for (Queue* queue : queues_) {
      if (queue->number() != fd) queue->forget(fd);
    }
    if (Queue* const queue = find(fd)) {
      closed.reset(queue);
      by_number[static_cast<std::size_t>(fd)].store(nullptr, std::memory_order_release);
      queues_.erase(std::find(queues_.begin(), queues_.end(), queue));
    }
    return closed != nullptr;
  }

 private:
  /// In the child: queues are not inherited. Their memory is left alone, since another thread of the parent
  /// may have been in the middle of it.
  void forked() {
    for (Queue* queue : queues_) {
      by_number[static_cast<std::size_t>(queue->number())].store(nullptr, std::memory_order_release);
      queue->close_all();
    }
    queues_.clear();
    mutex_.unlock();
  }

  static std::array<std::atomic<Queue*>, 1 << 16> by_number;
  std::mutex mutex_;
  std::vector<Queue*> queues_;
};

std::array<std::atomic<Queue*>, 1 << 16> AllQueues::by_number;

int answer(int result) {
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

bool only_triggers(const Event* changes, int count) {
  return count == 1 && changes[0].filter == EVFILT_USER && changes[0].flags == 0 &&
         changes[0].fflags == NOTE_TRIGGER;
}

}  // namespace

extern "C" {

int kqueue() noexcept {
  return answer(AllQueues::all().make());
}

int kevent(int number, const Event* changes, int change_count, Event* events, int event_count,
           const timespec* timeout) noexcept {
  Queue* const queue = AllQueues::find(number);
  if (!queue) return answer(-EBADF);
  if (event_count == 0 && only_triggers(changes, change_count))
    return answer(-queue->trigger(changes->ident));
  if (timeout && (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1'000'000'000)) {
    return answer(-EINVAL);
  }
  const int answers = change_count == 0 ? 0 : queue->change(changes, change_count, events, event_count);
  if (answers != 0 || event_count == 0) return answer(answers);
  return answer(queue->wait(events, event_count, timeout));
}

int __wrap_close(int fd) {
  return AllQueues::all().closes(fd) ? 0 : __real_close(fd);
}

int __wrap_dup2(int from, int to) {
  if (from != to && ::fcntl(from, F_GETFD) >= 0) AllQueues::all().closes(to);
  return __real_dup2(from, to);
}

int __wrap_dup3(int from, int to, int flags) {
  if (from != to && ::fcntl(from, F_GETFD) >= 0) AllQueues::all().closes(to);
  return __real_dup3(from, to, flags);
}

}  // extern "C"
