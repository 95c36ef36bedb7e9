// See lookup.hpp.
#include <tau/net/lookup.hpp>
#include <tau/spawn_blocking.hpp>

#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

namespace tau::net {
namespace {

using Addresses = std::vector<SocketAddress>;

Error to_error(int code) noexcept {
  switch (code) {
    case EAI_SYSTEM:
      return Error::system(errno);
    case EAI_AGAIN:
      return Errc::timed_out;
    case EAI_MEMORY:
      return Errc::no_memory;
    case EAI_FAIL:
      return Error::system(EIO);
    case EAI_FAMILY:
    case EAI_SERVICE:
    case EAI_SOCKTYPE:
      return Errc::unsupported;
    default:  // EAI_NONAME, and what some systems tell apart from it
      return Errc::not_found;
  }
}

/// What a thread of the pool does; all that it touches is its own.
struct Lookup {
  Lookup(std::string host, std::uint16_t service) : name(std::move(host)), port(service) {}

  Result<Addresses> operator()() const {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;  // each address once, not once per kind of socket
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found); code != 0)
      return to_error(code);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    Addresses addresses;
    for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
      Result<SocketAddress> address = SocketAddress::from_system(entry->ai_addr, entry->ai_addrlen);
      if (!address) continue;
      address->set_port(port);
      addresses.push_back(*address);
    }
    if (addresses.empty()) return Errc::not_found;
    return addresses;
  }

  std::string name;
  std::uint16_t port;
};

/// "::1", "127.0.0.1", "[fe80::1%eth0]", "fe80::1%2".
Result<SocketAddress> as_number(const std::string& name, std::uint16_t port) {
  const bool v6 = name.find(':') != name.npos && name.front() != '[';
  return SocketAddress::parse((v6 ? '[' + name + ']' : name) + ':' + std::to_string(port));
}

}  // namespace

Task<Result<Addresses>> lookup_host(std::string name, std::uint16_t port) {
  if (name.empty() || name.find('\0') != name.npos) co_return Errc::invalid;
  if (Result<SocketAddress> number = as_number(name, port)) co_return Addresses{*number};
  using Job = detail::BlockingJob<Lookup, Result<Addresses>>;
  Job::Awaiter job(std::make_unique<Job>(Lookup(std::move(name), port)));
  Result<Result<Addresses>> answer = co_await job;
  if (!answer) co_return answer.error();
  co_return std::move(*answer);
}

}  // namespace tau::net
