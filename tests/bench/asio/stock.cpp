// The workloads as a program of their own.
#include <cstdio>

#include "workloads.hpp"

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) std::printf("{\"bench\":\"%s\",\"ns\":%.1f}\n", argv[i], workloads::run(argv[i]));
}
