// For ThreadSanitizer: libstdc++ is not compiled with it, so the counting that keeps apart one thread which frees an
// exception and another that looked at it before goes unseen. Here it is said again.
//
// A suppression would do, but to look a module up for its names TSan maps the module's file, and for good.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <exception>

namespace {
template <class Function>
Function* libstdcxx(const char* name) noexcept {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
}  // namespace

void std::__exception_ptr::exception_ptr::_M_release() noexcept {
  static auto* const release = libstdcxx<void(exception_ptr*)>("_ZNSt15__exception_ptr13exception_ptr10_M_releaseEv");
  void* const exception = _M_exception_object;
  __tsan_release(exception);
  __tsan_acquire(exception);
  release(this);
}

// A catch block lets go, too.
extern "C" void __cxa_end_catch() {
  static auto* const end_catch = libstdcxx<void()>("__cxa_end_catch");
  static_cast<void>(std::current_exception());
  end_catch();
}
