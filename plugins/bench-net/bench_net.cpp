// Servers for a load generator: an ordinary plugin, so that what is measured is what plugins get.
//
//   BENCH_SERVE=echo BENCH_PORT=7000 tau --plugin plugins/bench-net
//   BENCH_SERVE=http BENCH_PORT=7001 tau --plugin plugins/bench-net        and then: wrk http://127.0.0.1:7001/
//
// Without a port, or with 0, the system chooses one; it is printed. Driven by tests/bench/net.
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "serve.hpp"

namespace {

std::string told(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

}  // namespace

class BenchNet {
 public:
  // A word or a port that makes no sense throws: the plugin is not loaded, and the host says why.
  BenchNet() : listener_(tau::net::TcpListener::bind("127.0.0.1:" + told("BENCH_PORT", "0")).value()) {
    const std::string what = told("BENCH_SERVE", "echo");
    if (what != "echo" && what != "http") throw std::invalid_argument("BENCH_SERVE is " + what + ", not echo or http");
    serve_ = what == "echo" ? bench_net::serve_echo : bench_net::serve_http;
    tau::print("listening on port ", listener_.local_address().value().port());
  }

  tau::Task<void> run() { return serve_(listener_); }

 private:
  tau::net::TcpListener listener_;
  tau::Task<void> (*serve_)(tau::net::TcpListener&);
};

TAU_DEFINE_PLUGIN(BenchNet)
