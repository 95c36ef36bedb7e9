// The workloads as a program of their own: each argument is one, "NAME" or "NAME PART". After "--threaded" the process
// has a second thread, which sleeps: libc and the kernel spare a process without one their locked instructions.
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <thread>

#include "workloads.hpp"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--threaded") {
      std::thread([] {
        for (;;) ::pause();
      }).detach();
    } else {
      std::puts(workloads::run_as_told(argv[i]).c_str());
    }
  }
}
