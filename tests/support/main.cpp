// The one place where doctest is implemented; every test program links it.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <csignal>

int main(int argc, char** argv) {
  // As from a terminal: whoever runs tests in the background may have signals ignored, and that is inherited.
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE}) std::signal(number, SIG_DFL);
  return doctest::Context(argc, argv).run();
}
