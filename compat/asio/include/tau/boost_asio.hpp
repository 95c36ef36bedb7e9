// tau::boost_asio: between Boost.Asio and tau's tasks. Plain Boost.Asio needs none of it.
//
//   boost::asio::io_context& tau::boost_asio::context();                     run by the host for this plugin
//   co_await tau::boost_asio::run(ctx);                               a context of one's own, run by the host
//   auto n = co_await socket.async_read_some(buffer, tau::boost_asio::use_task);   an Asio operation in a tau::Task
//   co_await tau::boost_asio::await(some_awaitable());                a boost::asio::awaitable in a tau::Task
//   co_await tau::boost_asio::async_run(some_task(), boost::asio::use_awaitable);       a tau::Task in a boost::asio::awaitable
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/system/system_error.hpp>

#include "detail/asio_bridge.hpp"

namespace tau::boost_asio {
namespace net = ::boost::asio;
using error_code = ::boost::system::error_code;
using system_error = ::boost::system::system_error;
#include "detail/asio_bridge.ipp"
}  // namespace tau::boost_asio

#define TAU_ASIO_NET boost::asio
#define TAU_ASIO_BRIDGE tau::boost_asio
#include "detail/asio_use_task.ipp"
