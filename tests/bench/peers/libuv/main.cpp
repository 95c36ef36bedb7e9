// The work of plugins/bench-plugin on one uv_loop_t, where libuv has a word for it: timers, threads, memory. It has
// no tasks: a timer and its callback stand for one that sleeps, a turn of the loop for a yield.
#include <uv.h>

#include <vector>

#include "../measure.hpp"

namespace {

using peer::check;
using peer::Scale;
using peer::Stopwatch;
using Number = std::uint64_t;

void sleep_cpu(Scale scale) {
  const Number tasks = scale.of(200'000);
  uv_loop_t* const loop = uv_default_loop();
  static Number fired = 0;
  peer::Lengths lengths;
  std::vector<uv_timer_t*> timers;
  timers.reserve(tasks);
  const Stopwatch watch;
  for (Number i = 0; i < tasks; ++i) {
    auto* const timer = new uv_timer_t;
    timers.push_back(timer);
    uv_timer_init(loop, timer);
    auto fire = [](uv_timer_t* self) {
      ++fired;
      uv_close(reinterpret_cast<uv_handle_t*>(self), nullptr);
    };
    uv_timer_start(timer, fire, (lengths.next_ns() + 999'999) / 1'000'000, 0);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  for (uv_timer_t* timer : timers) delete timer;
  const double each = watch.of(tasks).cpu_ns;
  check(fired == tasks, "a timer did not fire");
  peer::print("sleep_cpu", {}, {{"cpu_ns", each}});
}

void timeout_cancel(Scale scale) {
  static Number left;
  static uv_timer_t timer;
  const Number times = left = scale.of(1'000'000);
  uv_loop_t* const loop = uv_default_loop();
  uv_idle_t turn;
  uv_timer_init(loop, &timer);
  uv_idle_init(loop, &turn);
  const uv_timer_cb late = [](uv_timer_t*) { check(false, "a minute has passed"); };
  static const uv_timer_cb expired = late;
  uv_timer_start(&timer, expired, 60'000, 0);
  const Stopwatch watch;
  uv_idle_start(&turn, [](uv_idle_t* self) {
    uv_timer_stop(&timer);
    if (--left == 0) {
      uv_idle_stop(self);
    } else {
      uv_timer_start(&timer, expired, 60'000, 0);
    }
  });
  uv_run(loop, UV_RUN_DEFAULT);
  watch.of(times).print("timeout_cancel");
}

void bytes_per_sleeping_task(Scale scale) {
  const Number tasks = scale.of(1'000'000);
  uv_loop_t* const loop = uv_default_loop();
  const Number before = peer::resident_bytes();
  for (Number i = 0; i < tasks; ++i) {
    auto* const timer = new uv_timer_t;
    uv_timer_init(loop, timer);
    uv_timer_start(timer, [](uv_timer_t*) {}, 3'600'000, 0);
  }
  uv_run(loop, UV_RUN_NOWAIT);
  const double grown = static_cast<double>(peer::resident_bytes() - before);
  peer::print("bytes_per_sleeping_task", {}, {{"bytes", grown / static_cast<double>(tasks)}});
}

struct Trips {
  Number left;
  Number question = 0;
  Number answer = 0;
  bool asked = false;
  bool over = false;
  uv_mutex_t mutex;
  uv_cond_t changed;
  uv_async_t back;

  void ask(bool last) {
    uv_mutex_lock(&mutex);
    asked = true;
    over = last;
    ++question;
    uv_cond_signal(&changed);
    uv_mutex_unlock(&mutex);
  }
};

void cross_thread_rtt(Scale scale) {
  Trips trips;
  const Number count = trips.left = scale.of(100'000);
  uv_loop_t* const loop = uv_default_loop();
  uv_mutex_init(&trips.mutex);
  uv_cond_init(&trips.changed);
  uv_async_init(loop, &trips.back, [](uv_async_t* self) {
    auto& mine = *static_cast<Trips*>(self->data);
    check(mine.answer == mine.question + 1, "the thread answered something else");
    const bool last = --mine.left == 0;
    mine.ask(last);
    if (last) uv_close(reinterpret_cast<uv_handle_t*>(self), nullptr);
  });
  trips.back.data = &trips;
  uv_thread_t thread;
  uv_thread_create(&thread, [](void* data) {
    auto& mine = *static_cast<Trips*>(data);
    for (;;) {
      uv_mutex_lock(&mine.mutex);
      while (!mine.asked) uv_cond_wait(&mine.changed, &mine.mutex);
      mine.asked = false;
      const bool over = mine.over;
      mine.answer = mine.question + 1;
      uv_mutex_unlock(&mine.mutex);
      if (over) return;
      uv_async_send(&mine.back);
    }
  }, &trips);
  const Stopwatch watch;
  trips.ask(false);
  uv_run(loop, UV_RUN_DEFAULT);
  watch.of(count).print("cross_thread_rtt");
  uv_thread_join(&thread);
}

void spawn_blocking_rtt(Scale scale) {
  static Number left;
  const Number times = left = scale.of(100'000);
  uv_loop_t* const loop = uv_default_loop();
  uv_work_t work;
  static const uv_work_cb call = [](uv_work_t* self) { self->data = self; };
  static uv_after_work_cb again;
  again = [](uv_work_t* self, int) {
    check(self->data == self, "a call was not made");
    self->data = nullptr;
    if (--left != 0) uv_queue_work(self->loop, self, call, again);
  };
  const Stopwatch watch;
  uv_queue_work(loop, &work, call, again);
  uv_run(loop, UV_RUN_DEFAULT);
  watch.of(times).print("spawn_blocking_rtt");
}

constexpr peer::Bench benches[] = {
    {"sleep_cpu", sleep_cpu},
    {"timeout_cancel", timeout_cancel},
    {"bytes_per_sleeping_task", bytes_per_sleeping_task},
    {"cross_thread_rtt", cross_thread_rtt},
    {"spawn_blocking_rtt", spawn_blocking_rtt},
};

}  // namespace

int main(int argc, char** argv) { return peer::play(benches, argc, argv); }
