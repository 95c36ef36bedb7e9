// Events: publish and subscribe by name.
//
// A topic is a name, the type it carries and the subscriptions in the order they came; it exists
// while it has any. Queues are the subscriber's matter: `deliver` copies and returns, so a slow
// subscriber costs the publisher nothing and the registry holds no event.
//
// `deliver` is plugin code and may call anything here, also for the topic being published. Each
// publish on the stack has a cursor that removals move along; what is subscribed meanwhile stands
// behind the cursor's end. The alternatives, a copied list or deferred removal, would call
// subscriptions whose memory is gone.
#pragma once

#include <tau/rt/event.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/owner.hpp"

namespace tau::host {

/// Threading: [loop], all of it.
class Events {
 public:
  /// Publishing from inside `deliver` may nest this deep, over all topics.
  static constexpr int most_nested = 64;

  Events() noexcept;
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events();

  /// See tau/rt/event.h for the three. TAU_E_INVALID: an empty name, no `deliver`, or a subscription
  /// that is linked already.
  std::int32_t subscribe(tau_subscription& subscription, std::string_view name, std::uint64_t type) noexcept;
  void unsubscribe(tau_subscription& subscription) noexcept;
  /// TAU_E_BUSY: nested too deep. A subscriber that is being unloaded is told nothing.
  std::int32_t publish(Owner& owner, std::string_view name, std::uint64_t type, const void* object) noexcept;

  /// Unlinks every subscription of `owner`; afterwards owner.subscriptions is zero.
  void drop_owner(Owner& owner) noexcept;

  struct Listing {
    std::string name;
    std::vector<std::string> subscribers;  // plugins, once for each subscription
  };
  std::vector<Listing> list() const;

 private:
  struct Cursor;
  struct Topic;
  using Topics = std::map<std::string, Topic, std::less<>>;

  std::int32_t deliver(Topic& topic, const void* object) noexcept;

  Topics topics_;
  int nested_ = 0;
};

}  // namespace tau::host
