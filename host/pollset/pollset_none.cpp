// Systems without epoll: there are no sets, and making one says so.
#include "pollsets.hpp"

namespace tau::host {

Pollsets& pollsets() noexcept {
  static Pollsets none;
  return none;
}

std::int32_t Pollsets::create(Runtime&, Owner&, int*) noexcept { return TAU_E_UNSUPPORTED; }
std::shared_ptr<Pollset> Pollsets::find(int) noexcept { return nullptr; }
Pollset* Pollsets::find_on_loop(int) noexcept { return nullptr; }
bool Pollsets::closing(int) noexcept { return false; }
void Pollsets::mark(int) noexcept {}
void Pollsets::opened(Owner&, int) noexcept {}
std::size_t Pollsets::drop_owner(Owner&) noexcept { return 0; }
std::size_t Pollsets::close_owner(Owner&) noexcept { return 0; }

struct Pollset::Entry {};
Pollset::Pollset(Runtime& runtime, Owner& owner, int set) noexcept : runtime_(runtime), owner_(owner), set_(set) {}
Pollset::~Pollset() = default;
std::int32_t Pollset::control(int, int, const tau_poll_event*) noexcept { return TAU_E_UNSUPPORTED; }
std::int32_t Pollset::wait(Owner&, tau_poll_event*, int, std::int64_t, const void*) { return TAU_E_UNSUPPORTED; }
void Pollset::forget(int) noexcept {}
void Pollset::timer_changed() noexcept {}
void Pollset::watch_again(int) noexcept {}
void Pollset::end() noexcept {}
void Pollset::abandon() noexcept {}
bool Pollset::watches(int) noexcept { return false; }
std::vector<int> Pollset::left() noexcept { return {}; }

}  // namespace tau::host
