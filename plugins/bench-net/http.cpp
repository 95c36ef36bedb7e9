// HTTP/1.1 as far as a load generator speaks it: requests without a body, connections that are kept.
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "serve.hpp"

namespace bench_net {
namespace {

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, world!";
constexpr std::string_view refusal =
    "HTTP/1.1 400 Bad Request\r\n"
    "Connection: close\r\n"
    "Content-Length: 0\r\n"
    "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

/// Whether a request's first line says what we can answer: METHOD TARGET HTTP/1.x
bool is_request(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t target = line.find(' ');
  const std::size_t version = line.rfind(' ');
  return target != std::string_view::npos && version > target && line.substr(version + 1).starts_with("HTTP/1.");
}

tau::Task<void> answer(tau::net::TcpStream client) {
  std::array<char, 8 * 1024> buffer;
  std::string answers;
  std::size_t filled = 0;
  bool keeps = true;
  while (keeps && filled < buffer.size()) {
    auto size = co_await client.read(std::as_writable_bytes(std::span(buffer).subspan(filled)));
    if (!size || *size == 0) co_return;
    filled += *size;

    std::string_view rest(buffer.data(), filled);
    answers.clear();
    for (std::size_t end; keeps && (end = rest.find(end_of_head)) != std::string_view::npos;) {
      const std::string_view head = rest.substr(0, end);
      keeps = is_request(head) && head.find("Connection: close") == std::string_view::npos;
      answers += is_request(head) ? hello : refusal;
      rest.remove_prefix(end + end_of_head.size());
    }
    filled = rest.size();
    std::memmove(buffer.data(), rest.data(), filled);
    if (!answers.empty() && !co_await client.write_all(answers)) co_return;
  }
  if (keeps) static_cast<void>(co_await client.write_all(refusal));  // a head without an end
}

}  // namespace

tau::Task<void> serve_http(tau::net::TcpListener& listener) {
  while (auto client = co_await listener.accept()) {
    static_cast<void>(client->stream.set_nodelay(true));
    tau::spawn(answer(std::move(client->stream))).detach();
  }
}

}  // namespace bench_net
