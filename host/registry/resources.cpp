// Reference counting of entries and guards; the header tells the order and why.
#include "registry/resources.hpp"

#include <new>
#include <utility>

struct tau::host::Resources::Entry {
  Owner& owner;
  std::string name;
  std::uint64_t type;
  void* object;
  void (*drop)(void*);
  std::uint64_t references = 0;
  bool listed = false;
  Entry* covered = nullptr;  // an older generation's of the same name; next dead one in drop_owner

  void destroy() noexcept {
    auto* const destroy_object = drop;
    void* const target = object;
    delete this;
    if (destroy_object != nullptr) destroy_object(target);
  }
};

struct tau_resource {
  tau::host::Resources::Entry& entry;
  tau::host::Owner& user;
  tau_resource* next = nullptr;
  tau_resource** previous = nullptr;

  void link(tau_resource** at) noexcept {
    next = *at;
    previous = at;
    if (next != nullptr) next->previous = &next;
    *at = this;
  }
  void unlink() noexcept {
    *previous = next;
    if (next != nullptr) next->previous = previous;
  }
};

namespace tau::host {

Resources::~Resources() {
  while (references_ != nullptr) {
    tau_resource* const reference = references_;
    reference->unlink();
    Entry& entry = reference->entry;
    if (--entry.references == 0 && !entry.listed) delete &entry;
    delete reference;
  }
  for (auto& [name, top] : listed_) {
    for (Entry* entry = top; entry != nullptr;) delete std::exchange(entry, entry->covered);
  }
}

std::int32_t Resources::put(Owner& owner, std::string_view name, std::uint64_t type, void* object,
                            void (*drop)(void*)) noexcept try {
  if (name.empty()) return TAU_E_INVALID;
  if (!owner.accepts()) return TAU_E_UNLOADING;

  auto at = listed_.find(name);
  if (at != listed_.end()) {
    for (const Entry* entry = at->second; entry != nullptr; entry = entry->covered) {
      const bool other_generation = &entry->owner != &owner && entry->owner.name == owner.name;
      if (!other_generation) return TAU_E_EXISTS;
    }
  }

  auto* const entry = new Entry{owner, std::string(name), type, object, drop};
  if (at == listed_.end()) {
    try {
      at = listed_.emplace(entry->name, nullptr).first;
    } catch (...) {
      delete entry;
      throw;
    }
  }
  entry->covered = std::exchange(at->second, entry);
  entry->listed = true;
  ++owner.resources;
  return TAU_OK;
} catch (const std::bad_alloc&) {
  return TAU_E_NO_MEMORY;
} catch (...) {
  return TAU_E_INVALID;  // length_error: no such name can be stored
}

std::int32_t Resources::get(Owner& user, std::string_view name, std::uint64_t type, void** object,
                            tau_resource** out) noexcept {
  Entry* const entry = find(user, name);
  if (entry == nullptr) return TAU_E_NOT_FOUND;
  if (entry->type != type) return TAU_E_TYPE;
  if (const std::int32_t status = refer(user, *entry, out); status != TAU_OK) return status;
  *object = entry->object;
  return TAU_OK;
}

std::int32_t Resources::take(Owner& user, std::string_view name, std::uint64_t type, void** object,
                             tau_resource** out) noexcept {
  Entry* const entry = find(user, name);
  const std::int32_t status = get(user, name, type, object, out);
  if (status == TAU_OK) unlist(*entry);
  return status;
}

void Resources::release(tau_resource* reference) noexcept {
  if (reference == nullptr) return;
  Entry& entry = reference->entry;
  Owner& owner = entry.owner;
  reference->unlink();
  delete reference;

  if (--entry.references == 0 && !entry.listed) entry.destroy();
  // Not before: the guard is what keeps the code of `drop` mapped.
  if (owner.refs.fetch_sub(1, std::memory_order_acq_rel) == 1) release_owner_(&owner);
}

void Resources::drop_owner(Owner& owner) noexcept {
  Entry* unreferenced = nullptr;
  for (auto at = listed_.begin(); at != listed_.end();) {
    Entry* entry = at->second;
    ++at;  // unlist may erase the node of `entry`
    while (entry != nullptr) {
      Entry* const covered = entry->covered;
      if (&entry->owner == &owner) {
        unlist(*entry);
        if (entry->references == 0) entry->covered = std::exchange(unreferenced, entry);
      }
      entry = covered;
    }
  }
  // Only now, with the walk over and the entries out of everybody's reach, plugin code may run.
  while (unreferenced != nullptr) {
    Entry* const entry = std::exchange(unreferenced, unreferenced->covered);
    entry->destroy();
  }
}

void Resources::forget_user(Owner& user) noexcept {
  tau_resource* leaked = nullptr;
  for (tau_resource* reference = references_; reference != nullptr;) {
    tau_resource* const next = reference->next;
    if (&reference->user == &user) {
      reference->unlink();
      reference->link(&leaked);
    }
    reference = next;
  }
  // No code of the user is left, so nobody but this loop can release what stands in `leaked`.
  while (leaked != nullptr) release(leaked);
}

std::vector<Resources::Listing> Resources::list() const {
  std::vector<Listing> all;
  all.reserve(listed_.size());
  for (const auto& [name, entry] : listed_) {
    all.push_back({name, entry->owner.name, entry->owner.id, entry->references});
  }
  return all;
}

const Owner* Resources::owner_of(std::string_view name) const noexcept {
  const auto at = listed_.find(name);
  return at == listed_.end() ? nullptr : &at->second->owner;
}

std::vector<std::string> Resources::holders(const Owner& owner) const {
  std::vector<std::string> names;
  for (const tau_resource* reference = references_; reference != nullptr; reference = reference->next) {
    if (&reference->entry.owner != &owner) continue;
    bool known = false;
    for (const std::string& name : names) known = known || name == reference->user.name;
    if (!known) names.push_back(reference->user.name);
  }
  return names;
}

/// What `user` sees under `name`: its own, else the newest whose owner is not on its way out.
Resources::Entry* Resources::find(const Owner& user, std::string_view name) const noexcept {
  const auto at = listed_.find(name);
  if (at == listed_.end()) return nullptr;
  Entry* newest = nullptr;
  for (Entry* entry = at->second; entry != nullptr; entry = entry->covered) {
    if (&entry->owner == &user) return entry;
    if (newest == nullptr && entry->owner.accepts()) newest = entry;
  }
  return newest;
}

std::int32_t Resources::refer(Owner& user, Entry& entry, tau_resource** out) noexcept {
  auto* const reference = new (std::nothrow) tau_resource{entry, user};
  if (reference == nullptr) return TAU_E_NO_MEMORY;
  reference->link(&references_);
  ++entry.references;
  entry.owner.refs.fetch_add(1, std::memory_order_relaxed);
  *out = reference;
  return TAU_OK;
}

void Resources::unlist(Entry& entry) noexcept {
  const auto at = listed_.find(entry.name);
  Entry** link = &at->second;
  while (*link != &entry) link = &(*link)->covered;
  *link = std::exchange(entry.covered, nullptr);
  if (at->second == nullptr) listed_.erase(at);
  entry.listed = false;
  --entry.owner.resources;
}

}  // namespace tau::host
