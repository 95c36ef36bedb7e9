// See thread_exit.hpp.
//
// A thread finds its list, and is told of its own end, by a pthread key rather than by a thread_local
// with a destructor: registering that destructor would come back here in a program that is host and
// plugin in one.
#include "thread_exit.hpp"

#include <pthread.h>
#include <tau/rt/abi.h>

#include <condition_variable>
#include <mutex>
#include <new>

namespace tau::host::thread_exit {
namespace {

struct Entry {
  Entry* older;
  Owner* owner;
  void (*destroy)(void*);
  void* object;
};

// One thread's; made by its first entry, deleted by itself when it ends.
struct List {
  List* next = nullptr;
  List** previous = nullptr;
  Entry* newest = nullptr;
  Owner* running = nullptr;   // whose destructor the thread itself runs just now
  unsigned borrowed = 0;      // drains that run entries of it just now
};

struct Lists {
  std::mutex mutex;
  std::condition_variable changed;  // an entry that was running has ended
  List* first = nullptr;
  pthread_key_t key{};
  bool has_key = false;

  Lists() { has_key = pthread_key_create(&key, ended) == 0; }
  static void ended(void* list);
};

// Never destroyed: threads may outlive every static object.
Lists& lists() {
  static Lists& all = *new Lists;
  return all;
}

List* own_list(Lists& all) {
  if (!all.has_key) return nullptr;
  auto* list = static_cast<List*>(pthread_getspecific(all.key));
  if (list != nullptr) return list;
  list = new (std::nothrow) List;
  if (list == nullptr) return nullptr;
  if (pthread_setspecific(all.key, list) != 0) {
    delete list;
    return nullptr;
  }
  const std::lock_guard lock(all.mutex);
  list->next = all.first;
  list->previous = &all.first;
  if (all.first != nullptr) all.first->previous = &list->next;
  all.first = list;
  return list;
}

// Runs on the thread that ends.
void Lists::ended(void* argument) {
  Lists& all = lists();
  auto* list = static_cast<List*>(argument);
  pthread_setspecific(all.key, list);  // a destructor that registers another finds the same list
  std::unique_lock lock(all.mutex);
  for (;;) {
    if (Entry* entry = list->newest) {
      list->newest = entry->older;
      list->running = entry->owner;
      lock.unlock();
      entry->destroy(entry->object);
      lock.lock();
      list->running = nullptr;
      if (entry->owner != nullptr) entry->owner->thread_exits.fetch_sub(1, std::memory_order_release);
      delete entry;
      all.changed.notify_all();
    } else if (list->borrowed > 0) {
      all.changed.wait(lock);
    } else {
      break;
    }
  }
  *list->previous = list->next;
  if (list->next != nullptr) list->next->previous = list->previous;
  lock.unlock();
  pthread_setspecific(all.key, nullptr);
  delete list;
}

// Unlinks the owner's entries, their order kept.
Entry* take(List& list, const Owner* owner) {
  Entry* taken = nullptr;
  Entry** end = &taken;
  for (Entry** at = &list.newest; *at != nullptr;) {
    Entry* entry = *at;
    if (entry->owner != owner) {
      at = &entry->older;
      continue;
    }
    *at = entry->older;
    *end = entry;
    end = &entry->older;
  }
  *end = nullptr;
  return taken;
}

}  // namespace

std::int32_t add(Owner* owner, void (*destroy)(void*), void* object) noexcept {
  if (owner != nullptr && owner->phase.load(std::memory_order_acquire) == Phase::closed) return TAU_E_UNLOADING;
  Lists& all = lists();
  List* list = own_list(all);
  auto* entry = list != nullptr ? new (std::nothrow) Entry{nullptr, owner, destroy, object} : nullptr;
  if (entry == nullptr) return TAU_E_NO_MEMORY;
  if (owner != nullptr) owner->thread_exits.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(all.mutex);
  entry->older = list->newest;
  list->newest = entry;
  return TAU_OK;
}

std::size_t drain(Owner& owner) noexcept {
  Lists& all = lists();
  std::size_t ran = 0;
  std::unique_lock lock(all.mutex);
  for (;;) {
    Entry* taken = nullptr;
    List* from = all.first;
    bool running = false;
    for (; from != nullptr; from = from->next) {
      running |= from->running == &owner;
      if ((taken = take(*from, &owner)) != nullptr) break;
    }
    if (taken != nullptr) {
      ++from->borrowed;
      lock.unlock();
      while (taken != nullptr) {
        Entry* older = taken->older;
        taken->destroy(taken->object);
        delete taken;
        taken = older;
        owner.thread_exits.fetch_sub(1, std::memory_order_release);
        ++ran;
      }
      lock.lock();
      --from->borrowed;
      all.changed.notify_all();
    } else if (running) {
      all.changed.wait(lock);
    } else {
      return ran;
    }
  }
}

}  // namespace tau::host::thread_exit
