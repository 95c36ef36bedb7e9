// Handles, generations, and the queues that lose elements from anywhere.
#include <doctest/doctest.h>

#include <vector>

#include "reactor/fd_table.hpp"

using namespace tau::host;

namespace {
struct Item {
  int value = 0;
  Item* next = nullptr;
  Item** previous = nullptr;
};
std::vector<int> values(const IntrusiveQueue<Item>& queue) {
  std::vector<int> all;
  for (Item* item = queue.front(); item; item = item->next) all.push_back(item->value);
  return all;
}
}  // namespace

TEST_CASE("a queue loses its first, its last and its middle and takes more at its end") {
  Item a{1}, b{2}, c{3}, d{4};
  IntrusiveQueue<Item> queue;
  for (Item* item : {&a, &b, &c}) queue.push(item);
  queue.remove(&c);
  queue.push(&d);
  queue.remove(&a);
  CHECK(values(queue) == std::vector{2, 4});
  CHECK(a.previous == nullptr);
  queue.remove(&b);
  CHECK(queue.pop() == &d);
  CHECK(queue.pop() == nullptr);
  CHECK(queue.empty());
  queue.push(&c);
  CHECK(values(queue) == std::vector{3});
}

TEST_CASE("a queue takes elements in at a remembered place") {
  Item a{1}, b{2}, c{3}, d{4};
  IntrusiveQueue<Item> queue;
  queue.push(&a);
  Item** const place = queue.tail();
  queue.insert(place, &c);
  queue.insert(place, &b);
  queue.push(&d);
  CHECK(values(queue) == std::vector{1, 2, 3, 4});
}

TEST_CASE("a stale handle finds nothing, also after its slot was taken anew") {
  FdTable table;
  Descriptor* descriptor = table.make(5);
  REQUIRE(descriptor);
  Registration* first = table.take(*descriptor, nullptr);
  const tau_fd old = first->handle();
  CHECK(table.find(old) == first);
  table.release(*first);
  CHECK(table.find(old) == nullptr);
  Registration* second = table.take(*descriptor, nullptr);
  CHECK(second == first);
  CHECK(second->handle() != old);
  CHECK(table.find(old) == nullptr);
  CHECK(table.find(tau_fd{0}) == nullptr);
  table.release(*second);
  CHECK(descriptor->registrations == nullptr);
}

TEST_CASE("descriptors stay where they are while the table grows") {
  FdTable table;
  Descriptor* low = table.make(0);
  CHECK(table.find(int{1'000'000}) == nullptr);
  Descriptor* high = table.make(1'000'000);
  REQUIRE(high);
  CHECK(high->fd == 1'000'000);
  CHECK(table.find(int{0}) == low);
  CHECK(table.find(int{-1}) == nullptr);
}

TEST_CASE("an operation leaves whichever queue it is in") {
  Descriptor descriptor;
  tau_io polls[3] = {}, read = {}, write = {};
  for (tau_io& poll : polls) poll.opcode = TAU_IO_POLL;
  read.opcode = TAU_IO_READ;
  write.opcode = TAU_IO_WRITE;
  descriptor.queue_for(read).push(&read);
  descriptor.queue_for(write).push(&write);
  descriptor.polls.push(&polls[0]);
  descriptor.due_polls.push(&polls[1]);
  descriptor.due_polls.push(&polls[2]);
  CHECK(descriptor.has_operations());
  for (tau_io* op : {&polls[2], &polls[1], &polls[0], &read, &write}) descriptor.remove(op);
  CHECK_FALSE(descriptor.has_operations());
  descriptor.due_polls.push(&polls[0]);
  CHECK(descriptor.due_polls.front() == &polls[0]);
}
