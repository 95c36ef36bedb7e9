// Everything a plugin author needs. One header per idea stands behind it.
#pragma once

#include "async_fd.hpp"
#include "error.hpp"
#include "interval.hpp"
#include "join_handle.hpp"
#include "join_set.hpp"
#include "log.hpp"
#include "result.hpp"
#include "spawn.hpp"
#include "spawn_blocking.hpp"
#include "task.hpp"
#include "time.hpp"
