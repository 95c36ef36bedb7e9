// tau::asio: between Asio and tau's tasks. Plain Asio needs none of it.
//
//   asio::io_context& tau::asio::context();                     run by the host for this plugin
//   co_await tau::asio::run(ctx);                               a context of one's own, run by the host
//   auto n = co_await socket.async_read_some(buffer, tau::asio::use_task);   an Asio operation in a tau::Task
//   co_await tau::asio::await(some_awaitable());                an asio::awaitable in a tau::Task
//   co_await tau::asio::async_run(some_task(), asio::use_awaitable);         a tau::Task in an asio::awaitable
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <asio/system_executor.hpp>
#include <asio/system_error.hpp>

#include "detail/asio_bridge.hpp"

namespace tau::asio {
namespace net = ::asio;
using error_code = ::asio::error_code;
using system_error = ::asio::system_error;
#include "detail/asio_bridge.ipp"
}  // namespace tau::asio

#define TAU_ASIO_NET asio
#define TAU_ASIO_BRIDGE tau::asio
#include "detail/asio_use_task.ipp"
