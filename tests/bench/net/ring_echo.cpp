// The echo server of raw_ring_echo.hpp as a program: PORT [inline].
#include <cstring>

#include "../raw_ring_echo.hpp"
#include "listen.hpp"

int main(int argc, char** argv) {
  tau::bench::RawRing how;
  how.listener = tau::bench::listen_as_told(argc, argv, 0);
  how.sends_inline = argc > 2 && std::strcmp(argv[2], "inline") == 0;
  how.piece = 16 * 1024;
  if (!tau::bench::raw_ring_echo(how)) tau::bench::fail("io_uring");
}
