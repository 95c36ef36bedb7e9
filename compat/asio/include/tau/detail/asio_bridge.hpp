// What both flavours of the bridge are made of, without Asio.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tau/detail/context.hpp>
#include <tau/detail/module.hpp>
#include <tau/detail/unload_hook.hpp>
#include <tau/fiber.hpp>
#include <tau/log.hpp>
#include <tau/rt/task.h>
#include <tau/spawn.hpp>
#include <tau/task.hpp>
