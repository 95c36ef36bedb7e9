// A second plugin beside the fixture's, in the same program: for what one plugin leaves with another.
//
// Code runs "as" the other plugin while as_other() calls it; tasks are polled as the first one, but for those
// of spawn_other(). The other can be unloaded on its own, but for its code, which is this program's and stays.
#pragma once

#include <tau/spawn.hpp>

#include <utility>

#include "runtime_fixture.hpp"

namespace tau::test {

/// The plugin as which tasks of OthersRoot run.
inline tau_plugin* others_module = nullptr;

/// A root that is polled and dropped as `others_module`, so that all it awaits is that one's.
template <class T>
struct OthersRoot {
  static std::int32_t poll(tau_task* context) noexcept {
    AsModule as(others_module);
    return detail::Root<T>::poll(context);
  }
  static void drop(tau_task* context) noexcept {
    AsModule as(others_module);
    detail::Root<T>::drop(context);
  }
  static constexpr tau_task_fns fns{&poll, &drop};
};

class TwoPlugins : public RuntimeFixture {
 public:
  TwoPlugins() {
    other.id = 2;
    other.name = "other";
    other.phase = host::Phase::running;
    others_module = &other;
  }
  ~TwoPlugins() {
    unload_other();
    check_empty(other);
    CHECK(other.refs.load() == 0);
    CHECK(plugin.refs.load() == 0);
  }

  template <class F>
  decltype(auto) as_other(F&& f) {
    AsModule as(&other);
    return std::forward<F>(f)();
  }

  /// Spawns the task that `body(args...)` makes, as one of the other plugin's through and through. Not for one
  /// that blocks: its stack may be left in the middle of a poll.
  template <class F, class... Args>
  auto spawn_other(F& body, Args&&... args) {
    AsModule as(&other);
    auto task = body(std::forward<Args>(args)...);
    using T = typename decltype(task)::value_type;
    return JoinHandle<T>(
        detail::spawn_root(OthersRoot<T>::fns, task.release(), detail::SourceLocation::current()));
  }

  void unload_other() {
    if (std::exchange(other_unloaded_, true)) return;
    unload(other);
  }

  tau_plugin other;

 private:
  bool other_unloaded_ = false;
};

}  // namespace tau::test
