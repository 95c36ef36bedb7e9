// The module owner of a test program, which is host and plugin in one; the fixture sets it.
#include <tau/detail/module.hpp>

tau_plugin* tau_module_owner = nullptr;
