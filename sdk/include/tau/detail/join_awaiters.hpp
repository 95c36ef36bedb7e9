// What join(), try_join() and their _all forms return: branches, and how many have not ended.
//
// The four differ in two things. Branches are a tuple or a vector: any_branch() visits either. And they end
// when all have ended (Joined), or when all have succeeded or one has not (Tried).
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "../result.hpp"
#include "awaited.hpp"

namespace tau {
namespace detail {

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

/// A branch of a try_join.
template <class A>
class Attempt : public Awaited<A> {
  static_assert(is_result<typename Awaited<A>::Value>, "a branch of try_join() ends with a Result");

 public:
  using Success = typename Awaited<A>::Value::value_type;
  using Value = VoidAsUnit<Success>;
  using Awaited<A>::Awaited;

  bool succeeded() const noexcept { return this->value() && this->value()->has_value(); }
  Error error() { return this->take().error(); }
  Value take_success() {
    auto outcome = this->take();
    if constexpr (!std::is_void_v<Success>) {
      return *std::move(outcome);
    } else {
      return {};
    }
  }
};

/// Calls `visit` with one branch after the other, until it returns true; returns whether it did.
template <class... B, class Visit>
bool any_branch(std::tuple<B...>& branches, Visit&& visit) {
  return std::apply([&](auto&... branch) { return (visit(branch) || ...); }, branches);
}
template <class B, class Visit>
bool any_branch(std::vector<B>& branches, Visit&& visit) {
  for (B& branch : branches) {
    if (visit(branch)) return true;
  }
  return false;
}

/// Whether `which`, one of `branches`, has succeeded.
template <class... B>
bool has_succeeded(std::tuple<B...>& branches, Branch* which) noexcept {
  return any_branch(branches,
                    [which](auto& branch) { return static_cast<Branch*>(&branch) == which && branch.succeeded(); });
}
template <class B>
bool has_succeeded(std::vector<B>&, Branch* which) noexcept {
  return static_cast<B*>(which)->succeeded();
}

template <class B, class A>
std::vector<B> branches_of(std::vector<A>& awaitables) {
  std::vector<B> branches;
  branches.reserve(awaitables.size());
  for (A& awaitable : awaitables) branches.emplace_back(std::move(awaitable));
  return branches;
}

/// Awaits all of `Branches`.
template <class Branches>
class Joined : protected Driver {
 public:
  bool await_ready() const noexcept { return missing_ == 0; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = 0;
    auto start_one = [&](auto& branch) { return start(branch, place++, [&] { branch.start(); }); };
    if (any_branch(branches_, start_one)) return false;
    suspend();
    return true;
  }

 protected:
  template <class... Of>
  explicit Joined(std::size_t missing, Of&&... of)
      : Joined(&ended, missing, std::forward<Of>(of)...) {}
  template <class... Of>
  Joined(bool (*told)(Driver*, Branch*) noexcept, std::size_t missing, Of&&... of)
      : Driver(told), branches_(std::forward<Of>(of)...), missing_(missing) {}
  Joined(bool (*told)(Driver*, Branch*) noexcept, Joined&& other)
      : Driver(told), branches_(std::move(other.branches_)), missing_(other.missing_) {}
  Joined(Joined&& other) : Joined(&ended, std::move(other)) {}
  ~Joined() { close(); }

  /// True: that was the last.
  bool count_down() noexcept {
    if (--missing_ != 0) return false;
    close();
    return true;
  }

  Branches branches_;

 private:
  static bool ended(Driver* self, Branch*) noexcept { return static_cast<Joined*>(self)->count_down(); }

  std::size_t missing_;
};

/// Awaits all of `Branches`, which are attempts, until one fails: the others are destroyed then.
template <class Branches>
class Tried : public Joined<Branches> {
  using Base = Joined<Branches>;

 protected:
  template <class... Of>
  explicit Tried(std::size_t missing, Of&&... of) : Base(&ended, missing, std::forward<Of>(of)...) {}
  Tried(Tried&& other) : Base(&ended, std::move(other)) {}

  Branch* failed_ = nullptr;

 private:
  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<Tried*>(driver);
    if (has_succeeded(self->branches_, which)) return self->count_down();
    self->close();
    self->failed_ = which;
    any_branch(self->branches_, [which](auto& branch) {
      if (static_cast<Branch*>(&branch) != which) branch.destroy();
      return false;
    });
    return true;
  }
};

template <class... A>
class [[nodiscard("join() does nothing until it is awaited")]] Join : public Joined<std::tuple<Awaited<A>...>> {
  using Values = std::tuple<VoidAsUnit<typename Awaited<A>::Value>...>;

 public:
  explicit Join(A&&... awaitables)
      : Joined<std::tuple<Awaited<A>...>>(sizeof...(A), std::forward<A>(awaitables)...) {}

  Values await_resume() {
    return std::apply([](auto&... branch) { return Values{branch.take_value()...}; }, this->branches_);
  }
};

template <class... A>
class [[nodiscard("try_join() does nothing until it is awaited")]] TryJoin : public Tried<std::tuple<Attempt<A>...>> {
  using Values = std::tuple<typename Attempt<A>::Value...>;

 public:
  explicit TryJoin(A&&... awaitables)
      : Tried<std::tuple<Attempt<A>...>>(sizeof...(A), std::forward<A>(awaitables)...) {}

  Result<Values> await_resume() {
    if (this->failed_) {
      std::optional<Error> error;
      any_branch(this->branches_, [&](auto& branch) {
        if (static_cast<Branch*>(&branch) == this->failed_) error.emplace(branch.error());
        return error.has_value();
      });
      return *error;
    }
    return std::apply([](auto&... branch) { return Values{branch.take_success()...}; }, this->branches_);
  }
};

/// The same for a number of branches that is known only at run time.
template <class A>
class [[nodiscard("join_all() does nothing until it is awaited")]] JoinAll : public Joined<std::vector<Awaited<A>>> {
  using Value = typename Awaited<A>::Value;

 public:
  explicit JoinAll(std::vector<A>&& awaitables)
      : Joined<std::vector<Awaited<A>>>(awaitables.size(), branches_of<Awaited<A>>(awaitables)) {}

  auto await_resume() {
    if constexpr (std::is_void_v<Value>) {
      for (auto& branch : this->branches_) branch.take();
    } else {
      std::vector<Value> values;
      values.reserve(this->branches_.size());
      for (auto& branch : this->branches_) values.push_back(branch.take());
      return values;
    }
  }
};

template <class A>
class [[nodiscard("try_join_all() does nothing until it is awaited")]] TryJoinAll
    : public Tried<std::vector<Attempt<A>>> {
  using Success = typename Attempt<A>::Success;
  using Values = std::conditional_t<std::is_void_v<Success>, void, std::vector<VoidAsUnit<Success>>>;

 public:
  explicit TryJoinAll(std::vector<A>&& awaitables)
      : Tried<std::vector<Attempt<A>>>(awaitables.size(), branches_of<Attempt<A>>(awaitables)) {}

  Result<Values> await_resume() {
    if (this->failed_) return static_cast<Attempt<A>*>(this->failed_)->error();
    if constexpr (std::is_void_v<Success>) {
      return {};
    } else {
      Values values;
      values.reserve(this->branches_.size());
      for (auto& branch : this->branches_) values.push_back(branch.take_success());
      return values;
    }
  }
};

}  // namespace detail

}  // namespace tau
