// A second plugin beside the fixture's, in the same program: for what one plugin leaves with another.
//
// Code runs "as" the other plugin while as_other() calls it; tasks are polled as the first one. The
// other can be unloaded on its own, but for its code, which is this program's and stays.
#pragma once

#include <utility>

#include "runtime_fixture.hpp"

namespace tau::test {

class TwoPlugins : public RuntimeFixture {
 public:
  TwoPlugins() {
    other.id = 2;
    other.name = "other";
    other.phase = host::Phase::running;
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

  void unload_other() {
    if (std::exchange(other_unloaded_, true)) return;
    unload(other);
  }

  tau_plugin other;

 private:
  bool other_unloaded_ = false;
};

}  // namespace tau::test
