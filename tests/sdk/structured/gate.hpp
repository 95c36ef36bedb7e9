// Gate: the smallest thing to wait for. It knows who waits, so tests see what was withdrawn.
#pragma once

#include <tau/task.hpp>

#include <coroutine>
#include <vector>

namespace tau::test {

class Gate {
 public:
  class [[nodiscard]] Wait {
   public:
    explicit Wait(Gate& gate) noexcept : gate_(gate) {}
    Wait(Wait&& other) noexcept : gate_(other.gate_) {}
    ~Wait() { withdraw(); }
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> suspended) {
      if (gate_.open_) return detail::suspend_if_exhausted(suspended);
      waiter_.set(suspended);
      gate_.waits_.push_back(this);
      return true;
    }
    int await_resume() noexcept {
      withdraw();
      return gate_.value_;
    }

   private:
    friend class Gate;
    void withdraw() noexcept { std::erase(gate_.waits_, this); }

    Gate& gate_;
    detail::Waiter waiter_;
  };

  /// The same awaiter, for which there is no moving.
  class [[nodiscard]] Rigid : public Wait {
   public:
    explicit Rigid(Gate& gate) noexcept : Wait(gate) {}
    Rigid(Rigid&&) = delete;
  };

  explicit Gate(bool open = false) noexcept : open_(open) {}

  Wait wait() noexcept { return Wait(*this); }
  Rigid wait_rigidly() noexcept { return Rigid(*this); }
  /// Wakes all; the waits stay linked until they go on.
  void open(int value = 0) {
    open_ = true;
    value_ = value;
    for (Wait* wait : waits_) wait->waiter_.wake();
  }
  void shut() noexcept { open_ = false; }
  std::size_t waiting() const noexcept { return waits_.size(); }

 private:
  bool open_;
  int value_ = 0;
  std::vector<Wait*> waits_;
};

}  // namespace tau::test
