// What join(), try_join() and their _all forms return: branches, and how many have not ended.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "../result.hpp"
#include "awaited.hpp"

namespace tau {
namespace detail {

/// Starts every branch of a tuple in order, until one settles the whole.
template <class Tuple, class Start>
bool start_each(Tuple& branches, Start&& start) noexcept {
  return std::apply([&](auto&... branch) { return (start(branch) || ...); }, branches);
}

template <class... A>
class [[nodiscard("join() does nothing until it is awaited")]] Join : Driver {
 public:
  explicit Join(A&&... awaitables) : Driver(&ended), branches_(std::forward<A>(awaitables)...) {}
  Join(Join&& other) : Driver(&ended), branches_(std::move(other.branches_)) {}
  ~Join() { close(); }

  bool await_ready() const noexcept { return sizeof...(A) == 0; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = 0;
    auto start_one = [&](auto& branch) { return start(branch, place++, [&] { branch.start(); }); };
    if (start_each(branches_, start_one)) return false;
    suspend();
    return true;
  }
  std::tuple<VoidAsUnit<typename Awaited<A>::Value>...> await_resume() {
    return std::apply([](auto&... branch) { return std::tuple<VoidAsUnit<typename Awaited<A>::Value>...>{
        branch.take_value()...}; }, branches_);
  }

 private:
  static bool ended(Driver* self, Branch*) noexcept {
    auto* join = static_cast<Join*>(self);
    if (--join->missing_ != 0) return false;
    join->close();
    return true;
  }

  std::tuple<Awaited<A>...> branches_;
  std::size_t missing_ = sizeof...(A);
};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

/// A branch of a try_join.
template <class A>
class Attempt : public Awaited<A> {
  static_assert(is_result<typename Awaited<A>::Value>, "a branch of try_join() ends with a Result");

 public:
  using Value = VoidAsUnit<typename Awaited<A>::Value::value_type>;
  using Awaited<A>::Awaited;

  bool succeeded() const noexcept { return this->value() && this->value()->has_value(); }
  Error error() { return this->take().error(); }
  Value take_success() {
    auto outcome = this->take();
    if constexpr (!std::is_void_v<typename Awaited<A>::Value::value_type>) {
      return *std::move(outcome);
    } else {
      return {};
    }
  }
};

template <class... A>
class [[nodiscard("try_join() does nothing until it is awaited")]] TryJoin : Driver {
 public:
  explicit TryJoin(A&&... awaitables) : Driver(&ended), branches_(std::forward<A>(awaitables)...) {}
  TryJoin(TryJoin&& other) : Driver(&ended), branches_(std::move(other.branches_)) {}
  ~TryJoin() { close(); }

  bool await_ready() const noexcept { return sizeof...(A) == 0; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = 0;
    auto start_one = [&](auto& branch) { return start(branch, place++, [&] { branch.start(); }); };
    if (start_each(branches_, start_one)) return false;
    suspend();
    return true;
  }
  Result<std::tuple<typename Attempt<A>::Value...>> await_resume() {
    return std::apply([this](auto&... branch) -> Result<std::tuple<typename Attempt<A>::Value...>> {
      if (failed_) {
        std::optional<Error> error;
        ((static_cast<Branch*>(&branch) == failed_ ? void(error.emplace(branch.error())) : void()), ...);
        return *error;
      }
      return std::tuple<typename Attempt<A>::Value...>{branch.take_success()...};
    }, branches_);
  }

 private:
  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<TryJoin*>(driver);
    const bool succeeded = std::apply([&](auto&... branch) {
      return ((static_cast<Branch*>(&branch) == which && branch.succeeded()) || ...);
    }, self->branches_);
    if (succeeded && --self->missing_ != 0) return false;
    self->close();
    if (succeeded) return true;
    self->failed_ = which;
    auto cancel = [&](auto& branch) {
      if (static_cast<Branch*>(&branch) != which) branch.destroy();
    };
    std::apply([&](auto&... branch) { (cancel(branch), ...); }, self->branches_);
    return true;
  }

  std::tuple<Attempt<A>...> branches_;
  std::size_t missing_ = sizeof...(A);
  Branch* failed_ = nullptr;
};

/// The same for a number of branches that is known only at run time.
template <class A>
class [[nodiscard("join_all() does nothing until it is awaited")]] JoinAll : Driver {
 public:
  explicit JoinAll(std::vector<A>&& awaitables) : Driver(&ended), missing_(awaitables.size()) {
    branches_.reserve(awaitables.size());
    for (A& awaitable : awaitables) branches_.emplace_back(std::move(awaitable));
  }
  JoinAll(JoinAll&& other) noexcept
      : Driver(&ended), branches_(std::move(other.branches_)), missing_(other.missing_) {}
  ~JoinAll() { close(); }

  bool await_ready() const noexcept { return branches_.empty(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = 0;
    for (auto& branch : branches_) {
      if (start(branch, place++, [&] { branch.start(); })) return false;
    }
    suspend();
    return true;
  }
  auto await_resume() {
    if constexpr (std::is_void_v<typename Awaited<A>::Value>) {
      for (auto& branch : branches_) branch.take();
    } else {
      std::vector<typename Awaited<A>::Value> values;
      values.reserve(branches_.size());
      for (auto& branch : branches_) values.push_back(branch.take());
      return values;
    }
  }

 private:
  static bool ended(Driver* driver, Branch*) noexcept {
    auto* self = static_cast<JoinAll*>(driver);
    if (--self->missing_ != 0) return false;
    self->close();
    return true;
  }

  std::vector<Awaited<A>> branches_;
  std::size_t missing_;
};

template <class A>
class [[nodiscard("try_join_all() does nothing until it is awaited")]] TryJoinAll : Driver {
  using Value = typename Awaited<A>::Value::value_type;
  using Values = std::conditional_t<std::is_void_v<Value>, void, std::vector<VoidAsUnit<Value>>>;

 public:
  explicit TryJoinAll(std::vector<A>&& awaitables) : Driver(&ended), missing_(awaitables.size()) {
    branches_.reserve(awaitables.size());
    for (A& awaitable : awaitables) branches_.emplace_back(std::move(awaitable));
  }
  TryJoinAll(TryJoinAll&& other) noexcept
      : Driver(&ended), branches_(std::move(other.branches_)), missing_(other.missing_) {}
  ~TryJoinAll() { close(); }

  bool await_ready() const noexcept { return branches_.empty(); }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = 0;
    for (auto& branch : branches_) {
      if (start(branch, place++, [&] { branch.start(); })) return false;
    }
    suspend();
    return true;
  }
  Result<Values> await_resume() {
    if (failed_) return failed_->error();
    if constexpr (std::is_void_v<Value>) {
      return {};
    } else {
      Values values;
      values.reserve(branches_.size());
      for (auto& branch : branches_) values.push_back(branch.take_success());
      return values;
    }
  }

 private:
  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<TryJoinAll*>(driver);
    auto* branch = static_cast<Attempt<A>*>(which);
    const bool succeeded = branch->succeeded();
    if (succeeded && --self->missing_ != 0) return false;
    self->close();
    if (succeeded) return true;
    self->failed_ = branch;
    for (auto& other : self->branches_) {
      if (&other != branch) other.destroy();
    }
    return true;
  }

  std::vector<Attempt<A>> branches_;
  std::size_t missing_;
  Attempt<A>* failed_ = nullptr;
};

}  // namespace detail

}  // namespace tau
