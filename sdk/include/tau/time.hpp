// Time: sleeping and deadlines.
#pragma once

#include "sleep.hpp"
#include "timeout.hpp"
