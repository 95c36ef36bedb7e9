// What select(), race() and select_all() return: branches, and which one has ended first.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "awaited.hpp"

namespace tau {
namespace detail {

/// Where the next fair select of this module begins. [loop]
inline unsigned select_turn = 0;

template <bool biased, class... A>
class [[nodiscard("select() does nothing until it is awaited")]] Select : Driver {
  static_assert(sizeof...(A) != 0, "nothing to select from would wait forever");
  static constexpr std::size_t count = sizeof...(A);
  using Indices = std::index_sequence_for<A...>;

 public:
  using Value = std::variant<VoidAsUnit<typename Awaited<A>::Value>...>;

  explicit Select(A&&... awaitables) : Driver(&ended, biased), branches_(std::forward<A>(awaitables)...) {}
  Select(Select&& other) : Driver(&ended, biased), branches_(std::move(other.branches_)) {}
  ~Select() { close(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    unsigned place = biased ? 0 : select_turn++ % count;
    for (std::size_t i = 0; i < count; ++i, place = place + 1 == count ? 0 : place + 1) {
      if (start_at(place, Indices())) return false;
    }
    suspend();
    return true;
  }
  Value await_resume() { return take(Indices()); }

 protected:
  /// Calls `use` with the branch that has ended, and its place as a constant.
  template <class Use, std::size_t... i>
  void with_winner(Use&& use, std::index_sequence<i...>) {
    ((i == winner_ ? use(std::get<i>(branches_), std::in_place_index<i>) : void()), ...);
  }
  template <class Use>
  void with_winner(Use&& use) {
    with_winner(std::forward<Use>(use), Indices());
  }

 private:
  template <std::size_t... i>
  bool start_at(unsigned place, std::index_sequence<i...>) noexcept {
    auto start_one = [&](auto& branch) { return start(branch, place, [&] { branch.start(); }); };
    return ((i == place && start_one(std::get<i>(branches_))) || ...);
  }
  template <std::size_t... i>
  Value take(std::index_sequence<i...>) {
    using Take = Value (*)(Select&);
    static constexpr Take table[] = {[](Select& self) {
      return Value(std::in_place_index<i>, std::get<i>(self.branches_).take_value());
    }...};
    return table[winner_](*this);
  }

  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<Select*>(driver);
    self->close();
    unsigned place = 0;
    auto settle = [&](auto& branch) {
      if (static_cast<Branch*>(&branch) == which) {
        self->winner_ = place;
      } else {
        branch.destroy();
      }
      ++place;
    };
    std::apply([&](auto&... branch) { (settle(branch), ...); }, self->branches_);
    return true;
  }

  std::tuple<Awaited<A>...> branches_;
  unsigned winner_ = 0;
};

/// A Select whose branches all have the same value.
template <bool biased, class First, class... A>
class [[nodiscard("race() does nothing until it is awaited")]] Race : public Select<biased, First, A...> {
  using Value = typename Awaited<First>::Value;
  static_assert((std::is_same_v<Value, typename Awaited<A>::Value> && ...),
                "the branches of a race() have one type; select() is for several");

 public:
  using Select<biased, First, A...>::Select;
  Value await_resume() {
    if constexpr (std::is_void_v<Value>) {
      this->with_winner([](auto& branch, auto) { branch.take(); });
    } else {
      std::optional<Value> value;
      this->with_winner([&](auto& branch, auto) { value.emplace(branch.take()); });
      return std::move(*value);
    }
  }
};

template <bool biased, class A>
class [[nodiscard("select_all() does nothing until it is awaited")]] SelectAll : Driver {
  using Value = typename Awaited<A>::Value;

 public:
  explicit SelectAll(std::vector<A>&& awaitables) : Driver(&ended, biased) {
    branches_.reserve(awaitables.size());
    for (A& awaitable : awaitables) branches_.emplace_back(std::move(awaitable));
  }
  SelectAll(SelectAll&& other) noexcept : Driver(&ended, biased), branches_(std::move(other.branches_)) {}
  ~SelectAll() { close(); }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) noexcept {
    begin(suspended);
    const std::size_t count = branches_.size();
    std::size_t place = biased || count == 0 ? 0 : select_turn++ % count;
    for (std::size_t i = 0; i < count; ++i, place = place + 1 == count ? 0 : place + 1) {
      auto& branch = branches_[place];
      if (start(branch, static_cast<unsigned>(place), [&] { branch.start(); })) return false;
    }
    suspend();
    return true;
  }
  std::pair<std::size_t, VoidAsUnit<Value>> await_resume() {
    return {static_cast<std::size_t>(winner_ - branches_.data()), winner_->take_value()};
  }

 private:
  static bool ended(Driver* driver, Branch* which) noexcept {
    auto* self = static_cast<SelectAll*>(driver);
    self->close();
    self->winner_ = static_cast<Awaited<A>*>(which);
    for (auto& branch : self->branches_) {
      if (&branch != self->winner_) branch.destroy();
    }
    return true;
  }

  std::vector<Awaited<A>> branches_;
  Awaited<A>* winner_ = nullptr;
};

}  // namespace detail

}  // namespace tau
