// Sources: hooks that a turn asks before the reactor and tells after it; see tau/rt/source.h.
//
// Answers are not kept from one turn to the next, since a foreign loop changes its mind whenever its own code
// runs. An answer is turned into a deadline at once, so a slow neighbour does not lengthen anybody's sleep.
//
// Asking and telling are rounds over one list. In any callback any source may be removed and freed, the one
// that is being called and the next one included, so a round goes on from where it was only if nothing left
// meanwhile, and else from the beginning, past those it has met. A callback may also be suspended with the
// stack it stands on (I1 goes on on another): then later rounds leave its source out, and its own round, once
// it is gone back to, ends there: others have done its work.
#pragma once

#include <tau/rt/source.h>

#include <cstddef>
#include <cstdint>

#include "clock.hpp"
#include "owner.hpp"
#include "reactor/intrusive_queue.hpp"

namespace tau::host {

/// Threading: [loop], all of it.
class Sources {
 public:
  static constexpr std::uint64_t never = UINT64_MAX;

  explicit Sources(const Clock& clock) noexcept : clock_(clock) {}
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;

  bool empty() const noexcept { return all_.empty(); }

  /// TAU_OK, TAU_E_INVALID or TAU_E_UNLOADING.
  std::int32_t add(tau_source& source) noexcept;
  void remove(tau_source& source) noexcept;
  std::size_t drop_owner(Owner& owner) noexcept;

  /// Asks each whose answer is not standing. False if one of them was suspended meanwhile.
  bool prepare() noexcept;
  /// Tells each that was asked and not told yet.
  void check() noexcept;

  /// Whether one has to be asked before the loop may sleep: added since, or told since.
  bool unasked() const noexcept;
  /// The earliest time not before `from_ns` that one named when it was asked last; `never` if none did.
  std::uint64_t deadline_ns(std::uint64_t from_ns = 0) const noexcept;

 private:
  template <class Visit>
  bool round(Visit visit) noexcept;
  template <class Function>
  bool call(tau_source& source, Function function) noexcept;
  void set_deadline(tau_source& source, std::uint64_t deadline_ns) noexcept;

  const Clock& clock_;
  IntrusiveQueue<tau_source> all_;
  std::uint64_t round_ = 0;  // the last one that began
  std::uint64_t removals_ = 0;
  std::uint64_t additions_ = 0;
};

}  // namespace tau::host
