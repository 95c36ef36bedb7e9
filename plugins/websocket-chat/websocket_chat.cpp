// A chat by WebSocket, on Boost.Beast: every message that a client sends goes to everyone.
//
//   CHAT_PORT=7001 tau --plugin plugins/websocket-chat        and then, in a browser's console:
//   s = new WebSocket('ws://127.0.0.1:7001'); s.onmessage = m => console.log(m.data); s.send('hello')
//
// Without a port the system chooses one; it is printed.
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>
#include <tau/tau.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using tcp = boost::asio::ip::tcp;

namespace {

constexpr std::size_t messages_kept = 64;  // for a client that reads slowly; with more to come it is hung up on

using Message = std::shared_ptr<const std::string>;

class Client : public std::enable_shared_from_this<Client> {
 public:
  using Room = std::set<Client*>;

  Client(tcp::socket socket, Room& room) : stream_(std::move(socket)), room_(room) {}

  // From the handshake to the client's leaving.
  net::awaitable<void> serve() {
    const auto self = shared_from_this();
    try {
      stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
      co_await stream_.async_accept(net::use_awaitable);
      room_.insert(this);
      tau::print(room_.size(), " here");
      for (beast::flat_buffer buffer;; buffer.clear()) {
        co_await stream_.async_read(buffer, net::use_awaitable);
        const auto message = std::make_shared<const std::string>(beast::buffers_to_string(buffer.data()));
        for (Client* client : room_) client->tell(message);
      }
    } catch (const boost::system::system_error&) {
      // It has closed the connection, or has been silent for too long, or speaks something else.
    }
    if (room_.erase(this) != 0) tau::print(room_.size(), " here");
  }

 private:
  void tell(const Message& message) {
    if (unsent_.size() == messages_kept) return beast::get_lowest_layer(stream_).close();
    unsent_.push_back(message);
    if (unsent_.size() == 1) send();
  }

  // One at a time, as a stream demands.
  void send() {
    stream_.text(true);
    stream_.async_write(net::buffer(*unsent_.front()),
                        [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                          if (error) return;
                          self->unsent_.pop_front();
                          if (!self->unsent_.empty()) self->send();
                        });
  }

  websocket::stream<beast::tcp_stream> stream_;
  Room& room_;
  std::deque<Message> unsent_;
};

net::awaitable<void> accept(tcp::acceptor& acceptor, Client::Room& room) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(net::use_awaitable);
    const auto client = std::make_shared<Client>(std::move(socket), room);
    net::co_spawn(acceptor.get_executor(), client->serve(), net::detached);
  }
}

void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

tcp::endpoint as_told() {
  const char* port = std::getenv("CHAT_PORT");
  return {net::ip::address_v4::loopback(), static_cast<std::uint16_t>(port ? std::stoi(port) : 0)};
}

}  // namespace

class WebsocketChat {
 public:
  WebsocketChat() { tau::print("listening on port ", acceptor_.local_endpoint().port()); }

  tau::Task<void> run() {
    net::co_spawn(context_, accept(acceptor_, room_), rethrow);
    context_.run();  // suspends this call, and nobody else
    co_return;
  }

  // The plugin is unloaded. Clients are hung up on when the context is destroyed.
  void stop() { context_.stop(); }

 private:
  Client::Room room_;
  net::io_context context_{1};
  tcp::acceptor acceptor_{context_, as_told()};
};

TAU_DEFINE_PLUGIN(WebsocketChat)
