// Resources: named objects that plugins lend one another.
//
// An entry is listed under its name until it is taken or its owner unloads; the object itself lives
// until the last reference is released. `drop` is code of the owner's module, so each reference holds
// the owner's guard, and gives it back only after `drop` has returned. The listing holds none: what
// nobody refers to goes with its owner (I4).
//
// `drop` may call anything here. It therefore only runs once the entry can no longer be reached, and
// never while a list is being walked.
//
// A reload has two generations of a plugin alive at once, and the old one must be intact if the new
// one fails (I9). So a newer generation's entry covers the older one's of the same name rather than
// failing; each generation sees its own, everybody else the newest.
#pragma once

#include <tau/rt/resource.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/owner.hpp"

namespace tau::host {

/// Threading: [loop], all of it.
class Resources {
 public:
  /// `release_owner` is called when a reference's release brought its owner's `refs` to zero.
  explicit Resources(void (*release_owner)(Owner*)) noexcept : release_owner_(release_owner) {}
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;
  /// Every owner was dropped before; references that leaked are forgotten, not released.
  ~Resources();

  /// See tau/rt/resource.h for the four. A `drop` of null leaves the object alone.
  std::int32_t put(Owner& owner, std::string_view name, std::uint64_t type, void* object,
                   void (*drop)(void*)) noexcept;
  std::int32_t get(Owner& user, std::string_view name, std::uint64_t type, void** object,
                   tau_resource** out) noexcept;
  std::int32_t take(Owner& user, std::string_view name, std::uint64_t type, void** object,
                    tau_resource** out) noexcept;
  void release(tau_resource* reference) noexcept;

  /// Takes every entry of `owner` off the list and drops the objects that nobody refers to.
  /// Call it once the owner accepts nothing new; afterwards owner.resources is zero.
  void drop_owner(Owner& owner) noexcept;

  /// Releases what `user` never did. Call it after its module is gone: static destructors, too, may
  /// release a reference.
  void forget_user(Owner& user) noexcept;

  struct Listing {
    std::string name;
    std::string owner;
    std::uint64_t owner_id;
    std::uint64_t references;
  };
  /// All entries that can be had, by name.
  std::vector<Listing> list() const;
  /// Who owns what is listed under `name`; null if nothing is.
  const Owner* owner_of(std::string_view name) const noexcept;
  /// Names of the plugins that hold references to objects of `owner`: what keeps it mapped.
  std::vector<std::string> holders(const Owner& owner) const;

 private:
  struct Entry;
  friend struct ::tau_resource;

  Entry* find(const Owner& user, std::string_view name) const noexcept;
  std::int32_t refer(Owner& user, Entry& entry, tau_resource** out) noexcept;
  void unlist(Entry& entry) noexcept;

  void (*release_owner_)(Owner*);
  std::map<std::string, Entry*, std::less<>> listed_;  // the newest generation's
  tau_resource* references_ = nullptr;
};

}  // namespace tau::host
