// Stands before the product's runtime/atomic.hpp in the include path of tests/doors: each access asks the
// scheduler first. What is read and written is as one total order has it (sequential consistency): weaker
// orders are taken for the strongest, and what only they allow is not seen here (the thread sanitizer looks
// for that in tests/host/runtime).
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "doors/step.hpp"

namespace tau::host {

template <class T>
class Atomic {
  using Order = std::memory_order;
  using Where = doors::Where;
  using Op = doors::Op;
  using Effect = doors::Effect;

 public:
  constexpr Atomic() noexcept : value_() {}
  constexpr Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;
  T operator=(T value) noexcept {
    store(value);
    return value;
  }
  operator T() const noexcept { return load(); }

  T load(Order = std::memory_order_seq_cst, Where where = Where::current()) const noexcept {
    if (doors::step(Op::load, this, where) == Effect::zero) return tell(T());
    return tell(value_);
  }
  void store(T value, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    change(Op::store, where, [&](T) { return value; });
  }
  T exchange(T value, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    return change(Op::exchange, where, [&](T) { return value; });
  }
  T fetch_add(T by, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    return change(Op::add, where, [&](T old) { return static_cast<T>(old + by); });
  }
  T fetch_sub(T by, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    return change(Op::subtract, where, [&](T old) { return static_cast<T>(old - by); });
  }
  T fetch_and(T mask, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    return change(Op::bit_and, where, [&](T old) { return static_cast<T>(old & mask); });
  }
  T fetch_or(T mask, Order = std::memory_order_seq_cst, Where where = Where::current()) noexcept {
    return change(Op::bit_or, where, [&](T old) { return static_cast<T>(old | mask); });
  }
  bool compare_exchange_strong(T& expected, T desired, Order, Order, Where where = Where::current()) noexcept {
    return compare(expected, desired, where, false);
  }
  bool compare_exchange_weak(T& expected, T desired, Order, Order, Where where = Where::current()) noexcept {
    return compare(expected, desired, where, true);
  }

 private:
  template <class F>
  T change(Op op, const Where& where, F&& changed) noexcept {
    const Effect effect = doors::step(op, this, where);
    const T old = value_;
    if (effect == Effect::split) doors::step(Op::second_half, this, where);
    if (effect != Effect::omit) value_ = changed(old);
    tell(old);
    return old;
  }
  bool compare(T& expected, T desired, const Where& where, bool weak) noexcept {
    const Effect effect = doors::step(Op::compare_exchange, this, where);
    const T old = tell(value_);
    if (old != expected) {
      expected = old;
      return false;
    }
    if (weak && doors::fails_spuriously()) return false;
    if (effect == Effect::split) doors::step(Op::second_half, this, where);
    if (effect != Effect::omit) value_ = desired;
    return true;
  }
  static T tell(T value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      doors::saw(reinterpret_cast<std::uintptr_t>(value));
    } else {
      doors::saw(static_cast<std::uint64_t>(value));
    }
    return value;
  }

  T value_;
};

}  // namespace tau::host
