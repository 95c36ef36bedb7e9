// A pool's threads and a future: what main() waits for is another thread's.
#include <boost/asio.hpp>

#include <future>
#include <iostream>
#include <thread>
#include <vector>

namespace net = boost::asio;

int main() {
  net::thread_pool pool(3);
  std::promise<int> sum;
  std::vector<std::future<int>> parts;
  for (int i = 0; i < 10; ++i) {
    parts.push_back(net::post(pool, net::use_future([i] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return i;
    })));
  }
  std::thread adds([&] {
    int total = 0;
    for (auto& part : parts) total += part.get();
    sum.set_value(total);
  });
  const int total = sum.get_future().get();
  adds.join();
  pool.join();
  std::cout << "the sum is " << total << std::endl;
  return 0;
}
