// Result: a value, or an Error. It keeps std::expected's member names; C++20 has no std::expected.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "error.hpp"

namespace tau {

/// Thrown by Result::value() when there is none.
class BadResultAccess : public std::runtime_error {
 public:
  explicit BadResultAccess(Error error) : std::runtime_error(error.message()), error_(error) {}
  Error error() const noexcept { return error_; }

 private:
  Error error_;
};

/// Either a T or an Error. [inert] if T is.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  template <class U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Errc>)
  Result(U&& value) : value_(std::in_place, std::forward<U>(value)), error_(Errc::invalid) {}
  Result(Error error) noexcept : error_(error) {}
  Result(Errc code) noexcept : error_(code) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T&& value() && { return check(), std::move(*value_); }
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }
  /// Only when !has_value().
  Error error() const noexcept { return error_; }

  template <class U>
  T value_or(U&& fallback) && {
    return has_value() ? std::move(*value_) : static_cast<T>(std::forward<U>(fallback));
  }
  template <class U>
  T value_or(U&& fallback) const& {
    return has_value() ? *value_ : static_cast<T>(std::forward<U>(fallback));
  }
  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
    if (has_value()) return std::invoke(std::forward<F>(f), std::move(*value_));
    return error_;
  }
  template <class F>
  auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
    if (has_value()) return std::invoke(std::forward<F>(f), std::move(*value_));
    return error_;
  }

 private:
  void check() const {
    if (!has_value()) throw BadResultAccess(error_);
  }

  std::optional<T> value_;
  Error error_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  using error_type = Error;

  Result() noexcept = default;
  Result(Error error) noexcept : status_(error.status()) {}
  Result(Errc code) noexcept : Result(Error(code)) {}

  bool has_value() const noexcept { return status_ == 0; }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (!has_value()) throw BadResultAccess(error());
  }
  /// Only when !has_value().
  Error error() const noexcept { return Error::from_status(status_); }

  /// From a status of the C ABI: 0 and above is success.
  static Result from_status(std::int32_t status) noexcept {
    if (status < 0) return Error::from_status(status);
    return {};
  }

 private:
  std::int32_t status_ = 0;  // one word, in a register where an optional would be two in memory
};

}  // namespace tau
