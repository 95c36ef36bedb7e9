// See opening.hpp.
#include "opening.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <typeinfo>

namespace tau::host {
namespace {
constinit thread_local Owner* innermost = nullptr;
}

Owner* opening() noexcept { return innermost; }
void* opening_variable() noexcept { return &innermost; }

OpeningScope::OpeningScope(Owner* plugin) noexcept : outer_(innermost) { innermost = plugin; }
OpeningScope::~OpeningScope() { innermost = outer_; }

std::string current_exception_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "an exception from another language";
    char* readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, nullptr);
    std::string text = std::string("an exception of type ") + (readable != nullptr ? readable : type->name());
    std::free(readable);
    return text;
  }
}

}  // namespace tau::host
