// Sources that tests ask what happened to them.
#pragma once

#include <tau/detail/module.hpp>
#include <tau/rt/source.h>
#include <tau/rt/timer.h>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace tau::test {

/// Says what it is told to, and remembers what happened to it.
struct Hook : tau_source {
  std::int64_t answer = -1;
  int asked = 0;
  int told = 0;
  int timed = 0;
  std::function<void(Hook&)> on_prepare, on_check;

  explicit Hook(std::int64_t named = -1, tau_plugin* who = tau_module_owner) : tau_source{}, answer(named) {
    owner = who;
    prepare = [](tau_source* self) {
      auto& hook = *static_cast<Hook*>(self);
      CHECK(hook.asked == hook.told);  // told in between
      ++hook.asked;
      const std::int64_t answer = hook.answer;
      if (hook.on_prepare)
        std::function<void(Hook&)>(hook.on_prepare)(hook);  // may be destroyed by its own call
      return answer;
    };
    check = [](tau_source* self, std::int32_t timed_out) {
      auto& hook = *static_cast<Hook*>(self);
      ++hook.told;
      hook.timed += timed_out;
      CHECK(hook.asked == hook.told);
      if (hook.on_check) std::function<void(Hook&)>(hook.on_check)(hook);
    };
    CHECK(tau_source_add(this) == TAU_OK);
  }
  Hook(const Hook&) = delete;
  ~Hook() { tau_source_remove(this); }
};

/// A foreign loop's timer: asked for its time, run when the time is over.
struct Alarm : tau_source {
  std::uint64_t due_ns;
  std::vector<std::uint64_t> rang;

  explicit Alarm(std::chrono::nanoseconds in) : tau_source{}, due_ns(tau_now() + in.count()) {
    owner = tau_module_owner;
    prepare = [](tau_source* self) -> std::int64_t {
      const std::uint64_t due = static_cast<Alarm*>(self)->due_ns, now = tau_now();
      return due == 0 ? -1 : due <= now ? 0 : static_cast<std::int64_t>(due - now);
    };
    check = [](tau_source* self, std::int32_t timed_out) {
      auto& alarm = *static_cast<Alarm*>(self);
      CHECK((timed_out != 0) == (alarm.due_ns != 0 && alarm.due_ns <= tau_now()));
      if (timed_out) {
        alarm.rang.push_back(tau_now());
        alarm.due_ns = 0;
      }
    };
    CHECK(tau_source_add(this) == TAU_OK);
  }
  Alarm(const Alarm&) = delete;
  ~Alarm() { tau_source_remove(this); }
};

}  // namespace tau::test
