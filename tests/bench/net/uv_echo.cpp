// An echo server as libuv's users write a fast one: one buffer for all, sent by uv_try_write, and what the socket
// does not take at once by uv_write.
#include <uv.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "listen.hpp"

namespace {

char buffer[16 * 1024];

struct Rest {
  uv_write_t request;
  std::vector<char> bytes;
};

void end(uv_stream_t* client) {
  uv_close(reinterpret_cast<uv_handle_t*>(client), [](uv_handle_t* handle) { delete reinterpret_cast<uv_tcp_t*>(handle); });
}

void give_buffer(uv_handle_t*, std::size_t, uv_buf_t* into) { *into = uv_buf_init(buffer, sizeof buffer); }

void on_read(uv_stream_t* client, ssize_t size, const uv_buf_t*) {
  if (size == 0) return;
  if (size < 0) return end(client);
  uv_buf_t bytes = uv_buf_init(buffer, static_cast<unsigned>(size));
  int sent = uv_try_write(client, &bytes, 1);
  if (sent == size) return;
  if (sent < 0 && sent != UV_EAGAIN) return end(client);
  if (sent < 0) sent = 0;
  auto* rest = new Rest{{}, std::vector<char>(buffer + sent, buffer + size)};
  rest->request.data = rest;
  bytes = uv_buf_init(rest->bytes.data(), static_cast<unsigned>(rest->bytes.size()));
  uv_write(&rest->request, client, &bytes, 1, [](uv_write_t* request, int) { delete static_cast<Rest*>(request->data); });
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* client = new uv_tcp_t;
  uv_tcp_init(listener->loop, client);
  auto* stream = reinterpret_cast<uv_stream_t*>(client);
  if (uv_accept(listener, stream) < 0) return end(stream);
  uv_tcp_nodelay(client, 1);
  uv_read_start(stream, give_buffer, on_read);
}

}  // namespace

int main(int argc, char** argv) {
  uv_tcp_t listener;
  uv_tcp_init(uv_default_loop(), &listener);
  if (uv_tcp_open(&listener, tau::bench::listen_as_told(argc, argv, SOCK_NONBLOCK)) < 0) return 1;
  if (uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 1024, on_connection) < 0) return 1;
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
