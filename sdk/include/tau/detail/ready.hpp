// ReadyResult: an awaitable whose outcome is known already, where others of its kind have to wait.
#pragma once

#include <coroutine>
#include <utility>

#include "../result.hpp"

namespace tau::detail {

template <class T>
class [[nodiscard]] ReadyResult {
 public:
  explicit ReadyResult(Result<T> result) noexcept : result_(std::move(result)) {}
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  Result<T> await_resume() noexcept { return std::move(result_); }

 private:
  Result<T> result_;
};

}  // namespace tau::detail
