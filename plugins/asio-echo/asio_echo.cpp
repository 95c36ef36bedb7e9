// An echo server as one writes it with Asio alone: what a client sends comes back to it.
//
//   ECHO_PORT=7000 tau --plugin plugins/asio-echo        and then: nc 127.0.0.1 7000
//
// Without a port the system chooses one; it is printed. dependency('asio') in meson.build is all it takes to have Asio on
// the one loop: where the context's run() would block the thread, it suspends its caller only.
#include <asio.hpp>
#include <tau/tau.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

using asio::ip::tcp;

namespace {

constexpr auto patience = std::chrono::minutes(1);  // with a client that says nothing

// One client, until it hangs up or falls silent.
asio::awaitable<void> serve(tcp::socket client) {
  std::array<char, 4096> piece;
  asio::steady_timer silence(client.get_executor());
  try {
    for (;;) {
      silence.expires_after(patience);
      silence.async_wait([&client](std::error_code error) {
        if (!error) client.close();
      });
      const std::size_t size = co_await client.async_read_some(asio::buffer(piece), asio::use_awaitable);
      co_await asio::async_write(client, asio::buffer(piece, size), asio::use_awaitable);
    }
  } catch (const std::system_error& end) {
    tau::print("a client has left: ", end.code().message());
  }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(client)), asio::detached);
  }
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

tcp::endpoint as_told() {
  const char* port = std::getenv("ECHO_PORT");
  return {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(port ? std::stoi(port) : 0)};
}

}  // namespace

class AsioEcho {
 public:
  // A port that cannot be had throws: the plugin is not loaded, and the host says why.
  AsioEcho() { tau::print("listening on port ", acceptor_.local_endpoint().port()); }

  tau::Task<void> run() {
    // An exception that leaves a coroutine leaves context_.run(), too, and the host says which.
    asio::co_spawn(context_, accept(acceptor_), rethrow);
    context_.run();
    co_return;
  }

  // The plugin is unloaded. Clients that are still there are hung up on when the context is destroyed.
  void stop() { context_.stop(); }

 private:
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_, as_told()};
};

TAU_DEFINE_PLUGIN(AsioEcho)
