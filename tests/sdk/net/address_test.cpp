#include <tau/detail/transferable.hpp>
#include <tau/net/address.hpp>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>

using namespace tau;
using net::IpAddress;
using net::SocketAddress;

static_assert(std::is_trivially_copyable_v<IpAddress> && std::is_trivially_copyable_v<SocketAddress>);
static_assert(Transferable<IpAddress> && Transferable<SocketAddress>);
static_assert(IpAddress::v4_loopback().is_loopback() && IpAddress::v6_loopback().is_loopback());
static_assert(IpAddress(224, 0, 0, 1).is_multicast() && !IpAddress(10, 0, 0, 1).is_multicast());
static_assert(IpAddress(IpAddress(1, 2, 3, 4).v6_bytes()).is_v4_mapped());
static_assert(IpAddress(IpAddress(1, 2, 3, 4).v6_bytes()).to_canonical() == IpAddress(1, 2, 3, 4));
static_assert(IpAddress(255, 255, 255, 255) < IpAddress::v6_any());
static_assert(SocketAddress(IpAddress(1, 2, 3, 4), 5) < SocketAddress(IpAddress(1, 2, 3, 4), 6));

TEST_CASE("addresses are read and printed") {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
                           "2001:db8::8:800:200c:417a", "::ffff:1.2.3.4"}) {
    INFO(text);
    auto ip = IpAddress::parse(text);
    REQUIRE(ip);
    CHECK(ip->to_string() == text);
  }
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", ":::", "[::1]", "fe80::1%lo", "host",
        "1:2:3:4:5:6:7:8:9", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    INFO(text);
    CHECK(IpAddress::parse(text).error() == Errc::invalid);
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST_CASE("addresses with ports are read and printed") {
  for (const char* text : {"127.0.0.1:80", "[::1]:65535", "[fe80::1%2]:0"}) {
    INFO(text);
    auto address = SocketAddress::parse(text);
    REQUIRE(address);
    CHECK(address->to_string() == text);
  }
  CHECK(SocketAddress::parse("[fe80::1%lo]:1")->scope_id() != 0);
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:8x", "::1:80",
        "[127.0.0.1]:80", "[::1]80", "[]:1", "[::1%]:1", "[::1%no-such-interface]:1"}) {
    INFO(text);
    CHECK(SocketAddress::parse(text).error() == Errc::invalid);
  }
}

TEST_CASE("an address survives the way through the system's form") {
  for (const char* text : {"1.2.3.4:5", "[2001:db8::1]:65535", "[fe80::1%3]:9"}) {
    const SocketAddress address = *SocketAddress::parse(text);
    sockaddr_storage storage{};
    const auto size = address.to_system(storage);
    CHECK(*SocketAddress::from_system(reinterpret_cast<sockaddr*>(&storage), size) == address);
    CHECK_FALSE(SocketAddress::from_system(reinterpret_cast<sockaddr*>(&storage), 4));
  }
  sockaddr other{};
  other.sa_family = AF_UNIX;
  CHECK(SocketAddress::from_system(&other, sizeof other).error() == Errc::unsupported);
}

TEST_CASE("addresses are sorted and hashed") {
  std::set<SocketAddress> sorted;
  std::unordered_set<SocketAddress> hashed;
  for (const char* text : {"[::1]:1", "2.0.0.0:1", "1.255.0.0:2", "1.255.0.0:1", "1.255.0.0:1"}) {
    sorted.insert(*SocketAddress::parse(text));
    hashed.insert(*SocketAddress::parse(text));
  }
  CHECK(hashed.size() == 4);
  std::string order;
  for (const auto& address : sorted) order += address.to_string() + ' ';
  CHECK(order == "1.255.0.0:1 1.255.0.0:2 2.0.0.0:1 [::1]:1 ");
}
