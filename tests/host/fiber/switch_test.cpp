// The switch alone, the instruction set's own and ucontext: this file is compiled with either.
#include "fiber/switch.hpp"

#include <doctest/doctest.h>

#include <cfenv>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tau::host;

namespace {

constexpr std::size_t stack_size = std::size_t{256} << 10;

struct Side {
  SwitchPoint here, back;
  std::unique_ptr<std::byte[]> stack = std::make_unique<std::byte[]>(stack_size);
  std::vector<std::string> log;
  int rounds = 0;
  bool aligned = false;

  explicit Side(void (*entry)(void*)) { switch_prepare(here, stack.get(), stack_size, entry, this); }
  ~Side() {
    switch_forget(here);
    switch_forget(back);
  }
  Side(const Side&) = delete;
  void enter() { switch_stacks(back, here); }
  void leave() { switch_stacks(here, back); }
};

}  // namespace

TEST_CASE("control goes to and fro, and locals stay") {
  Side side([](void* argument) {
    auto& self = *static_cast<Side*>(argument);
    alignas(16) volatile char probe[16] = {};
    self.aligned = reinterpret_cast<std::uintptr_t>(probe) % 16 == 0;
    for (int i = 0;; ++i) {
      self.log.push_back(std::to_string(i));
      ++self.rounds;
      self.leave();
    }
  });
  for (int i = 0; i < 1000; ++i) side.enter();
  CHECK(side.rounds == 1000);
  CHECK(side.log.back() == "999");
  CHECK(side.aligned);
}

TEST_CASE("exceptions are thrown and caught on a stack of one's own") {
  Side side([](void* argument) {
    auto& self = *static_cast<Side*>(argument);
    for (;;) {
      try {
        throw std::runtime_error("caught");
      } catch (const std::exception& e) {
        self.log.push_back(e.what());
      }
      self.leave();
    }
  });
  side.enter();
  side.enter();
  CHECK(side.log == std::vector<std::string>{"caught", "caught"});
}

TEST_CASE("each side has its own rounding mode") {
  Side side([](void* argument) {
    auto& self = *static_cast<Side*>(argument);
    std::fesetround(FE_UPWARD);
    for (;;) {
      self.leave();
      if (std::fegetround() == FE_UPWARD) ++self.rounds;
    }
  });
  std::fesetround(FE_TONEAREST);
  for (int i = 0; i < 5; ++i) {
    side.enter();
    CHECK(std::fegetround() == FE_TONEAREST);
  }
  CHECK(side.rounds == 4);
}

TEST_CASE("many values live across a switch come back whole") {
  Side side([](void* argument) {
    auto& self = *static_cast<Side*>(argument);
    long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
    double x = 1.5, y = 2.5, z = 3.5;
    for (;;) {
      a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += 1;
      x += y, y += z, z += 1;
      self.leave();
      self.log = {std::to_string(a + b + c + d + e + f + g + h), std::to_string(x + y + z)};
    }
  });
  long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
  double x = 1.5, y = 2.5, z = 3.5;
  for (int i = 0; i < 20; ++i) {
    side.enter();
    a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += 1;
    x += y, y += z, z += 1;
  }
  const std::vector<std::string> expected{std::to_string(a + b + c + d + e + f + g + h), std::to_string(x + y + z)};
  side.enter();
  CHECK(side.log == expected);
}
