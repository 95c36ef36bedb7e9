// The other end of the pipeline that plugins/pipeline-source begins: prints ten numbers a second. The source
// makes no more than that, since it waits for room in the channel.
//
// Either may be loaded first, unloaded and reloaded; this one waits for a source, and then for the next one.
#include <tau/tau.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

using namespace std::chrono_literals;

namespace {
using Numbers = tau::mpsc::Receiver<std::uint64_t>;
}

class PipelineSink {
 public:
  tau::Task<void> run() {
    auto offers = tau::event::subscribe<int>("pipeline/offered").value();
    auto use = [this](std::uint64_t number) {
      tau::print(number);
      taken_.send_modify([](std::uint64_t& count) { ++count; });
    };
    for (;;) {
      auto numbers = tau::resource::take<Numbers>("pipeline/primes");
      if (!numbers) {
        tau::print("waiting for a source");
        static_cast<void>(co_await offers.next());
        continue;
      }
      co_await tau::stream::receive(std::move(*numbers)).throttle(100ms).for_each(use);
      tau::print("the source has gone");
    }
  }

  // A message like 3 is answered when three more have been taken; any other at once.
  tau::Task<std::string> request(std::string_view payload) {
    std::uint64_t goal = 0;
    std::from_chars(payload.data(), payload.data() + payload.size(), goal);
    goal += *taken_.borrow();
    auto reached = [goal](const std::uint64_t& count) { return count >= goal; };
    auto taken = taken_.subscribe();
    auto count = co_await taken.wait_for(reached);
    co_return std::to_string(*count.value()) + " taken";
  }

 private:
  tau::watch::Sender<std::uint64_t> taken_ = tau::watch::channel<std::uint64_t>(0).first;
};

TAU_DEFINE_PLUGIN(PipelineSink)
