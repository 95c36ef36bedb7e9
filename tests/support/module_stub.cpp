// Stands for host/plugin/module.cpp and watchdog.cpp: what the unloader needs of them, without a dynamic
// linker and without a thread.
#include "module_stub.hpp"

#include "plugin/watchdog.hpp"

namespace tau::test {

void (*module_closes)(const host::Module*) = nullptr;

std::unique_ptr<host::Module> make_module() {
  host::PrivateFolder folder;
  return host::Module::prepare({}, folder, nullptr);
}

}  // namespace tau::test

namespace tau::host {

PrivateFolder::~PrivateFolder() = default;

std::unique_ptr<Module> Module::prepare(const Request&, PrivateFolder&, std::string*) {
  return std::unique_ptr<Module>(new Module);
}
Module::~Module() = default;
bool Module::close(std::string*) {
  if (test::module_closes) test::module_closes(this);
  return true;
}

Watchdog::Scope::Scope(Watchdog& watchdog, std::string, const char* what)
    : watchdog_(watchdog), outer_(nullptr), what_(what) {}
Watchdog::Scope::~Scope() = default;
Watchdog::~Watchdog() = default;

}  // namespace tau::host
