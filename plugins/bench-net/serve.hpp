// The two servers that a load generator finds here: each is a task that accepts, and a task for each connection.
#pragma once

#include <tau/tau.hpp>

namespace bench_net {

/// What comes goes back.
tau::Task<void> serve_echo(tau::net::TcpListener& listener);
/// Says hello to each request of a connection, however many there are and however many come at once.
tau::Task<void> serve_http(tau::net::TcpListener& listener);

}  // namespace bench_net
