#include "builder.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "console.hpp"
#include "signals.hpp"

namespace tau::host {

Builder::Builder(Runtime& runtime, const std::filesystem::path& patches)
    : runtime_(runtime), compiler_(Installation::find(patches)), terminal_(isatty(STDERR_FILENO) == 1) {}

void Builder::announce() {
  if (announced_) return;
  announced_ = true;
  for (const std::string& line : compiler_.announcement()) console::line("Compiler", line);
}

void Builder::show_progress(const std::string& plugin, const std::string& what) {
  if (!terminal_) return;
  std::lock_guard lock(progress_mutex_);
  std::fprintf(stderr, "\r\033[K[Compiler] %s: %s", plugin.c_str(), what.c_str());
  progress_shown_ = true;
}

void Builder::clear_progress() {
  std::lock_guard lock(progress_mutex_);
  if (progress_shown_) std::fputs("\r\033[K", stderr);
  progress_shown_ = false;
}

std::vector<CompileResult> Builder::build(const std::vector<std::filesystem::path>& trees) {
  std::vector<CompileResult> results(trees.size());
  if (trees.empty()) return results;
  announce();
  std::atomic<std::size_t> next{0}, running{0};
  std::stop_source stop;
  auto work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < trees.size();) {
      std::string shown = trees[i].filename().empty() ? trees[i].parent_path().filename() : trees[i].filename();
      results[i] = compiler_.compile({.source = trees[i], .stop = stop.get_token()},
                                     [&](const std::string& what) { show_progress(shown, what); });
    }
    running.fetch_sub(1);
    runtime_.remote.nudge();
  };
  std::size_t most = std::max(1u, std::thread::hardware_concurrency());
  running = std::min(most, trees.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = running; i > 0; --i) threads.emplace_back(work);
    runtime_.run_until([&] {
      if (EndSignals::received()) stop.request_stop();
      return running.load() == 0;
    });
  }
  clear_progress();
  return results;
}

}  // namespace tau::host
