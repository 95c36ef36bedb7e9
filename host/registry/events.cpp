// Topics as intrusive lists, and cursors that survive whatever `deliver` does to them.
#include "registry/events.hpp"

#include <new>

namespace tau::host {

// Both ends are addresses of links (`head`, or a subscription's `next`), so that removing a
// subscription moves every end that stood on it back by one and nothing else.
struct Events::Cursor {
  tau_subscription** at;   // the link to whom comes next
  tau_subscription** end;  // the link to whom came after publish began
  Cursor* outer;
  bool topic_gone = false;
};

struct Events::Topic {
  std::uint64_t type;
  tau_subscription* head = nullptr;
  tau_subscription** tail = &head;
  Cursor* cursors = nullptr;
  Topics::iterator self{};

  explicit Topic(std::uint64_t carried) noexcept : type(carried) {}
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  ~Topic() {
    for (Cursor* cursor = cursors; cursor != nullptr; cursor = cursor->outer) {
      cursor->topic_gone = true;
    }
    while (head != nullptr) unlink(*head);
  }

  void append(tau_subscription& subscription) noexcept {
    subscription.next = nullptr;
    subscription.previous = tail;
    subscription.topic = this;
    *tail = &subscription;
    tail = &subscription.next;
    ++subscription.owner->subscriptions;
  }

  void unlink(tau_subscription& subscription) noexcept {
    tau_subscription** const link = subscription.previous;
    *link = subscription.next;
    if (subscription.next != nullptr) subscription.next->previous = link;
    if (tail == &subscription.next) tail = link;
    for (Cursor* cursor = cursors; cursor != nullptr; cursor = cursor->outer) {
      if (cursor->at == &subscription.next) cursor->at = link;
      if (cursor->end == &subscription.next) cursor->end = link;
    }
    subscription.next = nullptr;
    subscription.previous = nullptr;
    subscription.topic = nullptr;
    --subscription.owner->subscriptions;
  }

  void remove(Cursor& cursor) noexcept {
    Cursor** link = &cursors;
    while (*link != &cursor) link = &(*link)->outer;
    *link = cursor.outer;
  }
};

Events::Events() noexcept = default;
Events::~Events() = default;

std::int32_t Events::subscribe(tau_subscription& subscription, std::string_view name,
                               std::uint64_t type) noexcept try {
  if (name.empty() || subscription.owner == nullptr || subscription.deliver == nullptr ||
      subscription.previous != nullptr) {
    return TAU_E_INVALID;
  }
  if (!subscription.owner->accepts()) return TAU_E_UNLOADING;

  auto at = topics_.find(name);
  if (at == topics_.end()) {
    at = topics_.try_emplace(std::string(name), type).first;
    at->second.self = at;
  }
  if (at->second.type != type) return TAU_E_TYPE;
  at->second.append(subscription);
  return TAU_OK;
} catch (const std::bad_alloc&) {
  return TAU_E_NO_MEMORY;
} catch (...) {
  return TAU_E_INVALID;  // length_error: no such name can be stored
}

void Events::unsubscribe(tau_subscription& subscription) noexcept {
  if (subscription.previous == nullptr) return;
  auto& topic = *static_cast<Topic*>(subscription.topic);
  topic.unlink(subscription);
  if (topic.head == nullptr) topics_.erase(topic.self);
}

std::int32_t Events::publish(Owner& owner, std::string_view name, std::uint64_t type,
                             const void* object) noexcept {
  if (name.empty()) return TAU_E_INVALID;
  if (!owner.accepts()) return TAU_E_UNLOADING;
  const auto at = topics_.find(name);
  if (at == topics_.end()) return 0;
  if (at->second.type != type) return TAU_E_TYPE;
  if (nested_ == most_nested) return TAU_E_BUSY;
  ++nested_;
  const std::int32_t told = deliver(at->second, object);
  --nested_;
  return told;
}

std::int32_t Events::deliver(Topic& topic, const void* object) noexcept {
  std::int32_t told = 0;
  Cursor cursor{&topic.head, topic.tail, topic.cursors};
  topic.cursors = &cursor;
  while (cursor.at != cursor.end) {
    tau_subscription& subscription = **cursor.at;
    cursor.at = &subscription.next;
    if (!subscription.owner->accepts()) continue;
    ++told;
    subscription.deliver(&subscription, object);
    // The last subscriber left and took the topic along; a new one of that name is none of ours.
    if (cursor.topic_gone) return told;
  }
  topic.remove(cursor);
  return told;
}

void Events::drop_owner(Owner& owner) noexcept {
  for (auto at = topics_.begin(); at != topics_.end();) {
    Topic& topic = at->second;
    for (tau_subscription* subscription = topic.head; subscription != nullptr;) {
      tau_subscription* const next = subscription->next;
      if (subscription->owner == &owner) topic.unlink(*subscription);
      subscription = next;
    }
    if (topic.head == nullptr) {
      at = topics_.erase(at);
    } else {
      ++at;
    }
  }
}

std::vector<Events::Listing> Events::list() const {
  std::vector<Listing> all;
  all.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) {
    Listing listing{name, {}};
    for (const tau_subscription* one = topic.head; one != nullptr; one = one->next) {
      listing.subscribers.push_back(one->owner->name);
    }
    all.push_back(std::move(listing));
  }
  return all;
}

}  // namespace tau::host
