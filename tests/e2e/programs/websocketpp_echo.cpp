// An echo server on WebSocket++ and Boost.Asio, at a port of the caller's choice; the library's own has a fixed one.
#include <websocketpp/config/asio_no_tls.hpp>
#include <websocketpp/server.hpp>

#include <cstdint>
#include <cstdlib>

using Server = websocketpp::server<websocketpp::config::asio>;

int main(int, char** arguments) {
  Server server;
  server.clear_access_channels(websocketpp::log::alevel::all);
  server.init_asio();
  server.set_reuse_addr(true);
  server.set_message_handler([&server](websocketpp::connection_hdl who, Server::message_ptr message) {
    server.send(who, message->get_payload(), message->get_opcode());
  });
  server.listen(websocketpp::lib::asio::ip::tcp::v4(), static_cast<std::uint16_t>(std::atoi(arguments[1])));
  server.start_accept();
  server.run();
  return 0;
}
