// Tasks at the two ends of a channel of numbers.
#pragma once

#include <tau/sync/mpsc.hpp>

#include <vector>

namespace tau::test {

inline tau::Task<> receive_all(tau::mpsc::Receiver<int>* rx, std::vector<int>* got, bool* ended) {
  while (tau::Result<int> value = co_await rx->recv()) got->push_back(*value);
  *ended = true;
}

inline tau::Task<> send_range(tau::mpsc::Sender<int> tx, int from, int to, int* sent) {
  for (int i = from; i < to; ++i) {
    const tau::Result<void> done = co_await tx.send(i);
    if (!done) co_return;
    ++*sent;
  }
}

}  // namespace tau::test
