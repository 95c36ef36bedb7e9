// The workloads as a program of their own: each argument is one, "NAME" or "NAME PART".
#include <cstdio>

#include "workloads.hpp"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) std::puts(workloads::run_as_told(argv[i]).c_str());
}
