// The echo server as one writes it first: read, write back what came, until the other side hangs up.
#include <array>
#include <cstddef>
#include <utility>

#include "serve.hpp"

namespace bench_net {
namespace {

tau::Task<void> echo(tau::net::TcpStream client) {
  std::array<std::byte, 16 * 1024> buffer;
  for (;;) {
    auto size = co_await client.read(buffer);
    if (!size || *size == 0) co_return;
    if (!co_await client.write_all(tau::io::ConstBuffer(buffer).first(*size))) co_return;
  }
}

}  // namespace

tau::Task<void> serve_echo(tau::net::TcpListener& listener) {
  while (auto client = co_await listener.accept()) {
    static_cast<void>(client->stream.set_nodelay(true));
    tau::spawn(echo(std::move(client->stream))).detach();
  }
}

}  // namespace bench_net
