// See resolve_wait.hpp.
#include "net/resolve_wait.hpp"

#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>

#include "fiber/parking.hpp"
#include "runtime/runtime.hpp"

namespace tau::host {
namespace {

void set_question(tau_lookup& lookup, const char* host, const char* service, const addrinfo* hints) noexcept {
  lookup.host = host;
  lookup.service = service;
  if (!hints) {
    lookup.flags = AI_V4MAPPED | AI_ADDRCONFIG;  // as getaddrinfo has it
    return;
  }
  lookup.flags = hints->ai_flags;
  lookup.family = hints->ai_family;
  lookup.socktype = hints->ai_socktype;
  lookup.protocol = hints->ai_protocol;
}

std::int32_t refused(std::int32_t status) noexcept {
  switch (status) {
    case TAU_E_NO_MEMORY: return EAI_MEMORY;
    case TAU_E_INVALID: return EAI_NONAME;
    default: return EAI_AGAIN;
  }
}

std::int32_t outcome(const tau_lookup& lookup, addrinfo** found) noexcept {
  if (lookup.result == TAU_OK) *found = lookup.found;
  if (lookup.code == EAI_SYSTEM && lookup.result < 0 && lookup.result > -4096) errno = -lookup.result;
  return lookup.code != 0 || lookup.result == TAU_OK ? lookup.code : refused(lookup.result);
}

// On the loop's thread: the record lies on the stack that waits.
struct OnStack : tau_lookup {
  Runtime& runtime;
  tau_parker parker{};

  OnStack(Runtime& runtime, Owner& owner) noexcept : tau_lookup{}, runtime(runtime) {
    tau_lookup::owner = &owner;
    done = [](tau_lookup* self) {
      auto& lookup = *static_cast<OnStack*>(self);
      unpark(lookup.runtime, lookup.parker);
    };
  }
  ~OnStack() { runtime.resolver.cancel(*this); }
  OnStack(const OnStack&) = delete;
};

// On another: it is the loop's and the thread's, since a thread that is asked to leave leaves at once. Its question is
// the host's, so that an unload has nothing to withdraw from here.
struct Shared : tau_lookup {
  Runtime& runtime;
  std::optional<std::string> host_copy, service_copy;
  addrinfo hints_copy{};
  bool hinted = false;
  tau_parker parker{};
  std::mutex mutex;
  bool left = false;     // the thread has
  void* self = nullptr;  // the loop's Held

  explicit Shared(Runtime& runtime) noexcept : tau_lookup{}, runtime(runtime) {}
  ~Shared() {
    if (found) ::freeaddrinfo(found);
  }
  Shared(const Shared&) = delete;
};

using Held = std::shared_ptr<Shared>;

Owner& host_owner() noexcept {
  static auto* owner = [] {
    auto* made = new Owner;
    made->name = "tau";
    made->phase = Phase::running;
    return made;
  }();
  return *owner;
}

void tell(Held* self) noexcept {
  const std::unique_ptr<Held> held(self);
  const std::lock_guard lock((*held)->mutex);
  if (!(*held)->left) unpark((*held)->runtime, (*held)->parker);
}

void start(void* data) noexcept {
  auto* const held = static_cast<Held*>(data);
  Shared& shared = **held;
  set_question(shared, shared.host_copy ? shared.host_copy->c_str() : nullptr,
               shared.service_copy ? shared.service_copy->c_str() : nullptr, shared.hinted ? &shared.hints_copy : nullptr);
  shared.owner = &host_owner();
  shared.result = shared.runtime.resolver.start(shared);
  if (shared.result < 0) tell(held);
}

std::int32_t wait_on_thread(Runtime& runtime, Owner& owner, const char* host, const char* service,
                            const addrinfo* hints, addrinfo** found) {
  auto shared = std::make_shared<Shared>(runtime);
  if (host) shared->host_copy = host;
  if (service) shared->service_copy = service;
  if (hints) shared->hints_copy = *hints;
  shared->hinted = hints;
  auto loops = std::make_unique<Held>(shared);
  shared->done = [](tau_lookup* self) { tell(static_cast<Held*>(static_cast<Shared*>(self)->self)); };
  shared->self = loops.get();
  const std::int32_t status = runtime.spawn_remote(
      owner, start,
      [](void* data) {
        auto* const held = static_cast<Held*>(data);
        (*held)->result = TAU_E_UNLOADING;
        tell(held);
      },
      loops.get());
  if (status < 0) return refused(status);
  static_cast<void>(loops.release());
  struct Leave {
    Shared& shared;
    ~Leave() {
      const std::lock_guard lock(shared.mutex);
      shared.left = true;
    }
  };
  {
    const Leave leave{*shared};
    park(runtime, owner, shared->parker, UINT64_MAX);
  }
  const std::int32_t code = outcome(*shared, found);
  if (code == 0) shared->found = nullptr;
  return code;
}

}  // namespace

std::int32_t resolve_wait(Runtime& runtime, Owner& owner, const char* host, const char* service, const addrinfo* hints,
                          addrinfo** found) {
  if (!host && !service) return EAI_NONAME;
  if (!runtime.on_loop()) return wait_on_thread(runtime, owner, host, service, hints, found);
  OnStack lookup(runtime, owner);
  set_question(lookup, host, service, hints);
  if (const std::int32_t status = runtime.resolver.start(lookup); status < 0) return refused(status);
  if (park(runtime, owner, lookup.parker, UINT64_MAX) == TAU_E_NO_MEMORY) return EAI_MEMORY;
  return outcome(lookup, found);
}

}  // namespace tau::host
