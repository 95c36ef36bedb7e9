// The module's entry points: plays the cases in the way that the run asks for.
#include <tau/detail/unload_hook.hpp>
#include <tau/fiber.hpp>
#include <tau/rt/plugin.h>
#include <tau/sleep.hpp>
#include <tau/spawn.hpp>

#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "case.hpp"

#include NET_HEADER(post.hpp)

namespace asio_cases {

Case* Case::first = nullptr;

namespace {

Run* run = nullptr;
void (*at_the_begin)() = nullptr;
std::vector<void (*)()> at_the_end;

void play_one(const Case& c) {
  run->began(run->runner, c.name);
  ++run->played;
  {
    Driver d(*run, c.name);
    try {
      c.body(d);
    } catch (const std::exception& e) {
      d.want(false, e.what(), "thrown", 0);
    }
  }
  if (c.kind != Case::normal || run->only) return;  // with one case asked for, others play beside it
  // Threads leave /proc a moment after they were joined, and what another thread tells the loop travels.
  std::string left;
  for (int i = 0; i < 200; ++i) {
    left = run->left(run->runner);
    if (run->alive != 0) left += " " + std::to_string(run->alive) + " of its objects";
    if (left.empty()) return;
    std::this_thread::sleep_for(10ms);
  }
  run->failures.push_back(std::string(c.name) + " (" + name_of(run->way) + ") left behind: " + left);
}

void play() {
  if (at_the_begin && !run->only) at_the_begin();
  for (const Case* c = Case::first; c; c = c->next) {
    if (run->only ? std::strcmp(run->only, c->name) == 0 : c->kind != Case::on_request) play_one(*c);
  }
  run->ended_at = std::chrono::steady_clock::now();
  run->ended = true;
}

tau::Task<void> play_in_task() {
  play();
  co_return;
}

tau::Task<void> nap() { co_await tau::sleep(200us); }

}  // namespace

AtBegin::AtBegin(void (*what)()) noexcept { at_the_begin = what; }

void at_destroy(void (*what)()) {
  if (at_the_end.empty() || at_the_end.back() != what) at_the_end.push_back(what);
}

void Driver::drive(net::io_context& context) {
  switch (run_.way) {
    case Way::init:
    case Way::task:
    case Way::fiber: context.run(); break;
    case Way::handler: {
      net::io_context outer;
      net::post(outer, [&] { context.run(); });
      outer.run();
      break;
    }
    case Way::run_for:
      do context.run_for(2ms);
      while (!context.stopped());
      break;
    case Way::poll:
      for (;;) {
        context.poll();
        if (context.stopped()) break;
        if (!tau::block_on(nap())) return;  // unloading
      }
      break;
    case Way::run_one:
      while (context.run_one() != 0) {
      }
      break;
    case Way::thread: {
      static std::minstd_rand random(run_.seed);
      const auto delay = std::chrono::microseconds(random() % 4 == 0 ? random() % 3000 : 0);
      std::exception_ptr thrown;
      std::thread thread([&] {
        if (delay.count() != 0) std::this_thread::sleep_for(delay);
        try {
          context.run();
        } catch (...) {
          thrown = std::current_exception();
        }
      });
      thread.join();
      if (thrown) std::rethrow_exception(thrown);
      break;
    }
  }
}

void Driver::here(const char* file, int line) {
  want(tau_on_loop_thread() == (run_.way != Way::thread), "the handler's thread", file, line);
}

bool Driver::want(bool true_, const char* what, const char* file, int line) {
  if (true_) return true;
  const char* name = std::strrchr(file, '/');
  const std::lock_guard lock(mutex_);
  run_.failures.push_back(std::string(name_) + " (" + name_of(run_.way) + "), " + (name ? name + 1 : file) + ":" +
                          std::to_string(line) + ": " + what);
  return false;
}

}  // namespace asio_cases

int32_t plugin_init(tau_plugin*) noexcept {
  using namespace asio_cases;
  const char* address = std::getenv(address_variable);
  if (!address) return TAU_E_INVALID;
  run = reinterpret_cast<Run*>(std::strtoull(address, nullptr, 16));
  switch (run->way) {
    case Way::init: play(); break;
    case Way::fiber: tau::fiber::spawn([] { play(); }).detach(); break;
    default: tau::spawn(play_in_task()).detach(); break;
  }
  return TAU_OK;
}

void plugin_destroy(tau_plugin*) noexcept {
  for (void (*what)() : asio_cases::at_the_end) what();
  tau::detail::UnloadHook::run_all();
}
