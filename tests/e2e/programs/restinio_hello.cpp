// A server on RESTinio and standalone Asio: greets by name, and ends when it is told to.
#include <restinio/all.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

int main(int, char** arguments) {
  restinio::asio_ns::io_context context;
  auto router = std::make_unique<restinio::router::express_router_t<>>();
  router->http_get("/hello/:name", [](auto request, auto parameters) {
    return request->create_response().set_body("hello, " + restinio::cast_to<std::string>(parameters["name"])).done();
  });
  router->http_get("/end", [&context](auto request, auto) {
    return request->create_response().set_body("bye").done([&context](const auto&) { context.stop(); });
  });
  struct Traits : restinio::default_single_thread_traits_t {
    using request_handler_t = restinio::router::express_router_t<>;
  };
  restinio::http_server_t<Traits> server(restinio::external_io_context(context), [&](auto& settings) {
    settings.address("127.0.0.1").port(static_cast<std::uint16_t>(std::atoi(arguments[1])));
    settings.request_handler(std::move(router));
  });
  server.open_sync();
  context.run();
  return 5;
}
