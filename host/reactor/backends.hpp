// One maker per backend. Only those that the build lists in reactor_backends.hpp are defined; select.cpp
// alone calls them.
#pragma once

#include <memory>
#include <string>

#include "reactor.hpp"

namespace tau::host {

/// Null, with `*why` set, where the system refuses.
std::unique_ptr<Reactor> make_epoll(std::string* why);
std::unique_ptr<Reactor> make_kqueue(std::string* why);
std::unique_ptr<Reactor> make_io_uring(std::string* why);

/// Never chosen: see skeleton.cpp.
std::unique_ptr<Reactor> make_skeleton();

}  // namespace tau::host
