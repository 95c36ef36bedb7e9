// See hub.hpp.
#include "signal/hub.hpp"

#include <string.h>

#include <algorithm>
#include <bit>
#include <new>

#include "signal/handler.hpp"

namespace tau::host {

namespace handler = signal_handler;

namespace {

// Counted with the users of a signal: on behalf of a plugin, or of the host itself.
constexpr int plugin = 1;
constexpr int host = 0;

std::string name_of(int number) {
  return "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
}

struct sigaction without_handler(int number) noexcept {
  struct sigaction action {};
  action.sa_handler = SignalHub::is_ignored(number) ? SIG_IGN : SIG_DFL;
  return action;
}

}  // namespace

void SignalHub::List::append(tau_signal& subscription) noexcept {
  subscription.next = nullptr;
  subscription.previous = last;
  *last = &subscription;
  last = &subscription.next;
}

/// Moves all of `other` to the end of this list.
void SignalHub::List::take(List& other) noexcept {
  if (other.first == nullptr) return;
  other.first->previous = last;
  *last = other.first;
  last = other.last;
  other.first = nullptr;
  other.last = &other.first;
}

SignalHub::SignalHub(RemoteQueue& loop) noexcept {
  handler::pending().store(0);
  handler::set_loop(&loop);
}

SignalHub::~SignalHub() {
  for (int number = 1; number <= most; ++number) {
    handler::slot(number).at_once = nullptr;
    handler::slot(number).plugins = 0;
    if (signals_[number].users != 0) handler::restore(number);
  }
  handler::set_loop(nullptr);
}

std::uint64_t SignalHub::pending() noexcept { return handler::pending().load(std::memory_order_relaxed); }

/// TAU_OK for a signal that can be subscribed to.
std::int32_t SignalHub::check(int number) noexcept {
  if (number < 1 || number > most) return TAU_E_INVALID;
  for (int refused : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    if (number == refused) return TAU_E_UNSUPPORTED;
  }
  return TAU_OK;
}

bool SignalHub::is_ignored(int number) noexcept {
  struct sigaction now {};
  if (sigaction(number, nullptr, &now) < 0) return false;
  if (handler::is_ours(now)) now = *handler::slot(number).earlier.load();
  return (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN;
}

// ---- who is interested: under the lock -------------------------------------------------------------

std::int32_t SignalHub::add_user(int number, int plugins) noexcept {
  // Asked for each time, in case somebody replaced our handler.
  if (handler::install(number) < 0) return TAU_E_INVALID;  // 32 and 33 are libc's own
  ++signals_[number].users;
  handler::slot(number).plugins += static_cast<std::uint32_t>(plugins);
  return TAU_OK;
}

void SignalHub::remove_user(int number, int plugins) noexcept {
  handler::slot(number).plugins -= static_cast<std::uint32_t>(plugins);
  if (--signals_[number].users != 0) return;
  if (!handler::restore(number) && report) {
    report("the handler of " + name_of(number) +
           " was replaced by somebody who did not ask tau: it is left as it is, for ever");
  }
  handler::pending().fetch_and(~(std::uint64_t{1} << (number - 1)));
}

void SignalHub::attend(int number, void (*at_once)(int, bool)) noexcept {
  std::lock_guard lock(mutex_);
  const bool before = handler::slot(number).at_once.exchange(at_once) != nullptr;
  if (at_once && !before) add_user(number, host);
  if (!at_once && before) remove_user(number, host);
}

// ---- subscriptions ---------------------------------------------------------------------------------

std::int32_t SignalHub::subscribe(tau_signal& subscription) noexcept {
  if (const std::int32_t status = check(subscription.number); status < 0) return status;
  if (subscription.owner == nullptr || subscription.deliver == nullptr || subscription.previous != nullptr) {
    return TAU_E_INVALID;
  }
  if (!subscription.owner->accepts()) return TAU_E_UNLOADING;
  std::lock_guard lock(mutex_);
  if (const std::int32_t status = add_user(subscription.number, plugin); status < 0) return status;
  signals_[subscription.number].told.append(subscription);
  subscription.owner->signals.fetch_add(1, std::memory_order_relaxed);
  return TAU_OK;
}

void SignalHub::unsubscribe(tau_signal& subscription) noexcept {
  if (subscription.previous == nullptr) return;
  unlink(subscription);
  subscription.owner->signals.fetch_sub(1, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  remove_user(subscription.number, plugin);
}

void SignalHub::unlink(tau_signal& subscription) noexcept {
  *subscription.previous = subscription.next;
  if (subscription.next != nullptr) subscription.next->previous = subscription.previous;
  for (List* list : {&signals_[subscription.number].told, &signals_[subscription.number].due}) {
    if (list->last == &subscription.next) list->last = subscription.previous;
  }
  subscription.next = nullptr;
  subscription.previous = nullptr;
}

// ---- handlers of owners ----------------------------------------------------------------------------

std::int32_t SignalHub::act(Owner& owner, int number, const struct sigaction* action,
                            struct sigaction* old) noexcept try {
  if (number < 1 || number > most) return TAU_E_INVALID;
  if (const std::int32_t status = check(number); status < 0 && action) return status;
  std::lock_guard lock(mutex_);
  const auto mine = std::find_if(actions_.begin(), actions_.end(), [&](const Action& each) {
    return each.owner == &owner && each.number == number;
  });
  const bool known = mine != actions_.end();
  const struct sigaction before = known ? mine->action : without_handler(number);
  if (action) {
    const bool ends = (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_DFL;
    if (!ends && !owner.accepts()) return TAU_E_UNLOADING;
    if (known && ends) {
      actions_.erase(mine);
      owner.signals.fetch_sub(1, std::memory_order_relaxed);
      remove_user(number, plugin);
    } else if (known) {
      mine->action = *action;
    } else if (!ends) {
      actions_.reserve(actions_.size() + 1);
      if (const std::int32_t status = add_user(number, plugin); status < 0) return status;
      actions_.push_back({++last_action_, &owner, number, *action});
      owner.signals.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (old) *old = before;
  return TAU_OK;
} catch (const std::bad_alloc&) {
  return TAU_E_NO_MEMORY;
}

// ---- telling ---------------------------------------------------------------------------------------

void SignalHub::deliver_pending() noexcept {
  std::uint64_t came = handler::pending().exchange(0, std::memory_order_acq_rel);
  for (; came != 0; came &= came - 1) tell(std::countr_zero(came) + 1);
}

void SignalHub::tell(int number) noexcept {
  // A subscriber may end itself or others, subscribe anew, even turn the loop: the head is looked at afresh
  // each time, and who is new stands in the other list.
  Subscribers& subscribers = signals_[number];
  subscribers.due.take(subscribers.told);
  while (tau_signal* subscription = subscribers.due.first) {
    unlink(*subscription);
    subscribers.told.append(*subscription);
    if (subscription->owner->accepts()) subscription->deliver(subscription);
  }

  std::uint64_t last;
  {
    std::lock_guard lock(mutex_);
    last = last_action_;
  }
  for (std::uint64_t seen = 0;;) {
    Action action;
    {
      std::lock_guard lock(mutex_);
      const auto next = std::find_if(actions_.begin(), actions_.end(), [&](const Action& each) {
        return each.number == number && each.id > seen && each.id <= last;
      });
      if (next == actions_.end()) return;
      action = *next;
      seen = action.id;
    }
    if (action.owner->accepts()) call(action);
  }
}

void SignalHub::call(Action& entry) noexcept {
  const struct sigaction& action = entry.action;
  if ((action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN) return;
  if (action.sa_flags & SA_RESETHAND) {
    struct sigaction none {};
    none.sa_handler = SIG_DFL;
    act(*entry.owner, entry.number, &none, nullptr);
  }
  try {
    if (action.sa_flags & SA_SIGINFO) {
      siginfo_t info = handler::information(entry.number);
      action.sa_sigaction(entry.number, &info, nullptr);
    } else {
      action.sa_handler(entry.number);
    }
  } catch (...) {
    if (report) report("plugin '" + entry.owner->name + "': its handler of " + name_of(entry.number) + " threw");  // I13
  }
}

void SignalHub::drop_owner(Owner& owner) noexcept {
  for (Subscribers& subscribers : signals_) {
    for (List* list : {&subscribers.told, &subscribers.due}) {
      for (tau_signal* subscription = list->first; subscription != nullptr;) {
        tau_signal* const next = subscription->next;
        if (subscription->owner == &owner) unsubscribe(*subscription);
        subscription = next;
      }
    }
  }
  std::lock_guard lock(mutex_);
  std::erase_if(actions_, [&](const Action& each) {
    if (each.owner != &owner) return false;
    owner.signals.fetch_sub(1, std::memory_order_relaxed);
    remove_user(each.number, plugin);
    return true;
  });
}

}  // namespace tau::host
