// Hello over HTTP with Asio and a head looked through by hand, no more thoroughly than plugins/bench-net does.
#include <asio.hpp>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "listen.hpp"

using asio::ip::tcp;

namespace {

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, world!";
constexpr std::string_view end_of_head = "\r\n\r\n";

bool is_request(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t target = line.find(' ');
  const std::size_t version = line.rfind(' ');
  return target != std::string_view::npos && version > target && line.substr(version + 1).starts_with("HTTP/1.");
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) { socket_.set_option(tcp::no_delay(true)); }
  void read() {
    socket_.async_read_some(asio::buffer(buffer_) + filled_, [self = shared_from_this()](std::error_code error, std::size_t size) {
      if (!error) self->look(size);
    });
  }

 private:
  void look(std::size_t size) {
    filled_ += size;
    std::string_view rest(buffer_.data(), filled_);
    answers_.clear();
    for (std::size_t end; (end = rest.find(end_of_head)) != std::string_view::npos;) {
      const std::string_view head = rest.substr(0, end);
      if (!is_request(head) || head.find("Connection: close") != std::string_view::npos) return;
      answers_ += hello;
      rest.remove_prefix(end + end_of_head.size());
    }
    filled_ = rest.size();
    std::memmove(buffer_.data(), rest.data(), filled_);
    if (filled_ == buffer_.size()) return;
    if (answers_.empty()) return read();
    asio::async_write(socket_, asio::buffer(answers_), [self = shared_from_this()](std::error_code error, std::size_t) {
      if (!error) self->read();
    });
  }

  tcp::socket socket_;
  std::array<char, 8 * 1024> buffer_;
  std::size_t filled_ = 0;
  std::string answers_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&acceptor](std::error_code error, tcp::socket socket) {
    if (!error) std::make_shared<Session>(std::move(socket))->read();
    accept(acceptor);
  });
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context context(1);
  const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 0);
  tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
  tau::bench::say_port(acceptor.local_endpoint().port());
  accept(acceptor);
  context.run();
}
