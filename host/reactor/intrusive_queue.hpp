// A first-in, first-out list through `next` and `previous` of its elements, where `previous` points at
// the pointer that points here. An element leaves from anywhere, also while somebody walks towards it:
// whoever calls out to others pops one element at a time and holds no position (contract 6).
#pragma once

namespace tau::host {

template <class T>
class IntrusiveQueue {
 public:
  IntrusiveQueue() = default;
  IntrusiveQueue(const IntrusiveQueue&) = delete;
  IntrusiveQueue& operator=(const IntrusiveQueue&) = delete;

  bool empty() const noexcept { return head_ == nullptr; }
  T* front() const noexcept { return head_; }

  void push(T* element) noexcept { insert(tail_, element); }

  /// Before what `position` points at. `position` is tail() or some element's `previous`.
  void insert(T** position, T* element) noexcept {
    element->next = *position;
    element->previous = position;
    if (element->next) element->next->previous = &element->next;
    *position = element;
    if (tail_ == position) tail_ = &element->next;
  }
  T** tail() const noexcept { return tail_; }

  T* pop() noexcept {
    T* element = head_;
    if (element) remove(element);
    return element;
  }

  /// `element` is in this queue, or in a list without a tail of its own (see unlink()).
  void remove(T* element) noexcept {
    if (tail_ == &element->next) tail_ = element->previous;
    unlink(element);
  }

  /// Takes `element` out of a list that is nothing but a head pointer.
  static void unlink(T* element) noexcept {
    *element->previous = element->next;
    if (element->next) element->next->previous = element->previous;
    element->next = nullptr;
    element->previous = nullptr;
  }

 private:
  T* head_ = nullptr;
  T** tail_ = &head_;
};

/// Puts `element` first in a list that is nothing but a head pointer.
template <class T>
void push_front(T** head, T* element) noexcept {
  element->next = *head;
  element->previous = head;
  if (element->next) element->next->previous = &element->next;
  *head = element;
}

}  // namespace tau::host
