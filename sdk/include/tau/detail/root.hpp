// Root: how a Task becomes what the executor knows, {poll, drop, data}.
#pragma once

#include <exception>
#include <string>

#include "../task.hpp"

namespace tau::detail {

/// Moves an exception's text to the host and lets go of the exception here, while its module's code is
/// still mapped (I13).
inline void report_exception(Context* context, std::exception_ptr exception) noexcept {
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::exception& error) {
    const char* text = error.what();
    tau_task_set_message(context, text, std::char_traits<char>::length(text));
  } catch (...) {
    static constexpr char text[] = "an exception that is no std::exception";
    tau_task_set_message(context, text, sizeof text - 1);
  }
}

template <class T>
struct Root {
  using Handle = typename Task<T>::Handle;

  static Handle handle(void* data) noexcept { return Handle::from_address(data); }

  static std::int32_t poll(tau_task* context) noexcept {
    void* resume = context->resume;
    if (!resume) return TAU_PENDING;
    context->resume = nullptr;
    if (resume == context->data) handle(context->data).promise().context = context;
    std::coroutine_handle<>::from_address(resume).resume();
    if (context->resume != ended(context)) return TAU_PENDING;
    auto& promise = handle(context->data).promise();
    if (!promise.exception) return TAU_READY;
    report_exception(context, std::exchange(promise.exception, nullptr));
    return TAU_E_THREW;
  }

  static void drop(tau_task* context) noexcept { handle(context->data).destroy(); }

  static constexpr tau_task_fns fns{&poll, &drop};
};

}  // namespace tau::detail
