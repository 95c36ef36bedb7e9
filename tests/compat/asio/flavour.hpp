// Which Asio: standalone or Boost's. The cases are the same; what differs between them and their versions is here.
#pragma once

#if TAU_TEST_BOOST
#define NET_HEADER(name) <boost/asio/name>
#include <boost/asio/version.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#define NET_VERSION (BOOST_ASIO_VERSION)
namespace boost::asio {}
namespace net = boost::asio;
using net_error_code = boost::system::error_code;
using net_system_error = boost::system::system_error;
#else
#define NET_HEADER(name) <asio/name>
#include <asio/version.hpp>
#include <system_error>
#define NET_VERSION (ASIO_VERSION)
namespace asio {}
namespace net = asio;
using net_error_code = std::error_code;
using net_system_error = std::system_error;
#endif

// What has left the experimental part of the library since 1.22.
#define NET_DEFERRED_IS_STABLE (NET_VERSION >= 102400)
