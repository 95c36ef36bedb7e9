// See fiber_keys.hpp.
#include "fiber_keys.hpp"

#include <tau/rt/abi.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "fiber/locals.hpp"
#include "thread_exit.hpp"

namespace tau::host::fiber_keys {
namespace {

struct Key {
  std::uint32_t number;  // never used again
  Owner* owner;
  void (*destroy)(void*);
};

struct Keys {
  std::mutex mutex;
  std::vector<Key> all;
  std::uint32_t last = 0;
};

Keys& keys() {
  static auto* keys = new Keys;  // threads may outlive main()
  return *keys;
}

bool find(std::uint32_t number, Key* out) noexcept {
  Keys& known = keys();
  const std::lock_guard lock(known.mutex);
  const auto found = std::find_if(known.all.begin(), known.all.end(), [&](const Key& k) { return k.number == number; });
  if (found == known.all.end()) return false;
  *out = *found;
  return true;
}

// One value of one thread. The thread's list keeps the number beside the pointer, since a value may be gone
// before its thread is.
struct Cell {
  void (*destroy)(void*);
  void* object;
};
struct Slot {
  std::uint32_t key;
  Cell* cell;
};
thread_local std::vector<Slot> slots;

void destroy_cell(void* self) {
  auto* cell = static_cast<Cell*>(self);
  if (cell->object && cell->destroy) cell->destroy(cell->object);
  delete cell;
}

Cell* cell_of(std::uint32_t key) noexcept {
  for (const Slot& slot : slots) {
    if (slot.key == key) return slot.cell;
  }
  return nullptr;
}

}  // namespace

std::int32_t create(Owner& owner, void (*destroy)(void*), std::uint32_t* out) noexcept {
  if (!owner.accepts()) return TAU_E_UNLOADING;
  Keys& known = keys();
  const std::lock_guard lock(known.mutex);
  try {
    known.all.push_back({known.last + 1, &owner, destroy});
  } catch (const std::bad_alloc&) {
    return TAU_E_NO_MEMORY;
  }
  *out = ++known.last;
  return TAU_OK;
}

std::int32_t remove(std::uint32_t key) noexcept {
  Keys& known = keys();
  const std::lock_guard lock(known.mutex);
  return std::erase_if(known.all, [&](const Key& k) { return k.number == key; }) != 0 ? TAU_OK : TAU_E_NOT_FOUND;
}

void* get_of_thread(std::uint32_t key) noexcept {
  const Cell* cell = cell_of(key);
  return cell ? cell->object : nullptr;
}

std::int32_t set(FiberLocals* locals, std::uint32_t number, void* object) noexcept {
  if (locals && locals->replace(number, object)) return TAU_OK;  // no look at the key: libraries do this all the time
  Key key;
  if (!find(number, &key)) return TAU_E_NOT_FOUND;
  if (locals) return locals->set(number, *key.owner, key.destroy, object) ? TAU_OK : TAU_E_NO_MEMORY;
  if (Cell* cell = cell_of(number)) {
    cell->object = object;
    return TAU_OK;
  }
  if (!object) return TAU_OK;
  auto* cell = new (std::nothrow) Cell{key.destroy, object};
  if (!cell) return TAU_E_NO_MEMORY;
  try {
    slots.push_back({number, cell});
  } catch (const std::bad_alloc&) {
    delete cell;
    return TAU_E_NO_MEMORY;
  }
  const std::int32_t status = thread_exit::add(key.owner, &destroy_cell, cell);
  if (status < 0) {
    slots.pop_back();
    delete cell;
  }
  return status;
}

void forget(const Owner& owner) noexcept {
  Keys& known = keys();
  const std::lock_guard lock(known.mutex);
  std::erase_if(known.all, [&](const Key& k) { return k.owner == &owner; });
}

}  // namespace tau::host::fiber_keys
