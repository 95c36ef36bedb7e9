// See lookup.hpp.
#include <tau/net/lookup.hpp>
#include <tau/detail/module.hpp>
#include <tau/rt/resolve.h>

#include <netdb.h>
#include <sys/socket.h>

#include <utility>

namespace tau::net {
namespace {

using Addresses = std::vector<SocketAddress>;

/// One question to the host's resolver, as an awaiter.
class [[nodiscard]] Lookup : tau_lookup {
 public:
  explicit Lookup(const std::string& name) noexcept : tau_lookup{} {
    owner = detail::module_owner();
    host = name.c_str();
    socktype = SOCK_STREAM;  // each address once, not once per kind of socket
    done = [](tau_lookup* self) { static_cast<Lookup*>(self)->waiter_.wake(); };
  }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() {
    if (job) tau_resolve_cancel(this);
    if (found) ::freeaddrinfo(found);
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    waiter_.set(suspended);
    const std::int32_t status = tau_resolve(this);
    if (status == TAU_PENDING) return true;
    result = status;
    return detail::suspend_if_exhausted(suspended);
  }
  /// The system's list, valid as long as this is.
  Result<const addrinfo*> await_resume() const noexcept {
    if (result < 0) return Error::from_status(result);
    return found;
  }

 private:
  detail::Waiter waiter_;
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
  Lookup lookup(name);
  Result<const addrinfo*> found = co_await lookup;
  if (!found) co_return found.error();
  Addresses addresses;
  for (const addrinfo* entry = *found; entry; entry = entry->ai_next) {
    Result<SocketAddress> address = SocketAddress::from_system(entry->ai_addr, entry->ai_addrlen);
    if (!address) continue;
    address->set_port(port);
    addresses.push_back(*address);
  }
  if (addresses.empty()) co_return Errc::not_found;
  co_return addresses;
}

}  // namespace tau::net
