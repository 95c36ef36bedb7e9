// What the runner and a module of cases share. It lies in the runner's memory; the module finds it by its address in
// the environment, which is there before plugin_init, where some cases run already.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace asio_cases {

/// How a case's context is run until it is out of work.
enum class Way : int {
  init,     // run(), within plugin_init
  task,     // run(), within a task
  fiber,    // run(), on a fiber of its own
  handler,  // run(), within a handler of another context
  run_for,  // in slices
  poll,     // in a loop that sleeps on tau's clock in between
  run_one,  // handler by handler
  thread,   // run(), on a thread that the plugin starts, a random moment later
};

constexpr const char* name_of(Way way) {
  constexpr const char* names[] = {"init", "task", "fiber", "handler", "run_for", "poll", "run_one", "thread"};
  return names[static_cast<int>(way)];
}

inline constexpr const char* address_variable = "TAU_ASIO_RUN";

struct Run {
  Way way = Way::task;
  unsigned seed = 0;
  const char* only = nullptr;  // one case by its name; cases on request are played in no other way
  long argument = 0;           // of a case on request

  // Told by the module.
  std::vector<std::string> failures;
  std::atomic<bool> waiting{false};  // a case on request has come to where it waits
  std::atomic<bool> ended{false};
  std::chrono::steady_clock::time_point due, ended_at;  // when it was to end and has ended; read after that
  int played = 0;
  std::atomic<long> alive{0};  // of a case's objects that are to go with it
  void* lost = nullptr;        // left behind on purpose

  // Asked of the runner. [loop]
  void* runner = nullptr;
  void (*began)(void* runner, const char* name) = nullptr;
  std::string (*left)(void* runner) = nullptr;               // what is there that was not when the case began
  void (*tick)(void* runner) = nullptr;                      // starts a timer of 1 ms that another owner has
  std::string (*said)(void* runner) = nullptr;               // what plugins have logged since this was asked last
  std::uint64_t (*longest_gap_ns)(void* runner) = nullptr;   // stops it; in processor time of the loop's thread
};

}  // namespace asio_cases
