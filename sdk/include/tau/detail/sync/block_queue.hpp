// Block queue: a FIFO of values in linked blocks. Values never move once they are in, so one whose move
// throws leaves the queue as it was. One empty block is kept; a queue that is drained as fast as it is
// filled allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace tau::detail::sync {

template <class T>
class BlockQueue {
 public:
  BlockQueue() noexcept = default;
  BlockQueue(BlockQueue&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)),
        tail_(std::exchange(other.tail_, nullptr)),
        spare_(std::exchange(other.spare_, nullptr)),
        read_(std::exchange(other.read_, 0)),
        written_(std::exchange(other.written_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  BlockQueue& operator=(BlockQueue&&) = delete;
  ~BlockQueue() {
    while (size_ != 0) {
      std::destroy_at(front());
      drop_front();
    }
    while (head_) delete std::exchange(head_, head_->next);
    delete spare_;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  /// Throws what T's move throws, or std::bad_alloc; nothing has changed then.
  void push(T&& value) {
    if (!tail_ || written_ == per_block) [[unlikely]] add_block();
    ::new (static_cast<void*>(tail_->at(written_))) T(std::move(value));
    ++written_;
    ++size_;
  }

  /// Calls `take(T&&)`. The queue is not empty. Throws what `take` throws; the value is still there then.
  template <class Take>
  void pop(Take&& take) {
    T* const first = front();
    take(std::move(*first));
    std::destroy_at(first);
    drop_front();
  }

 private:
  // Enough that a block's allocation is spread over many values, and not more than some pages.
  static constexpr std::size_t per_block = sizeof(T) >= 512 ? 4 : sizeof(T) <= 32 ? 64 : 2048 / sizeof(T);

  struct Block {
    Block* next;
    alignas(T) unsigned char room[per_block * sizeof(T)];

    T* at(std::size_t i) noexcept { return std::launder(reinterpret_cast<T*>(room) + i); }
  };

  void add_block() {
    Block* const block = spare_ ? std::exchange(spare_, nullptr) : new Block;
    block->next = nullptr;
    (tail_ ? tail_->next : head_) = block;
    tail_ = block;
    written_ = 0;
  }
  T* front() noexcept {
    if (read_ == per_block) [[unlikely]] {
      Block* const empty = std::exchange(head_, head_->next);
      if (spare_) {
        delete empty;
      } else {
        spare_ = empty;
      }
      read_ = 0;
    }
    return head_->at(read_);
  }
  // The first value, which front() has found, is gone.
  void drop_front() noexcept {
    ++read_;
    --size_;
    // An empty queue begins its block anew, so that a slow one stays in the same few cache lines.
    if (size_ == 0 && head_ == tail_) read_ = written_ = 0;
  }

  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  Block* spare_ = nullptr;
  std::size_t read_ = 0;     // in head_
  std::size_t written_ = 0;  // in tail_
  std::size_t size_ = 0;
};

}  // namespace tau::detail::sync
