// One end of a pipeline between two plugins: makes prime numbers for whoever takes them.
//
//   tau --plugin plugins/pipeline-source --plugin plugins/pipeline-sink
//
// The receiving end of a channel is put where other plugins find it by its name. Whoever takes it owns it: a
// channel belongs to nobody's module, and when one end goes with its plugin the other reads Errc::closed.
#include <tau/tau.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace {

using Numbers = tau::mpsc::Receiver<std::uint64_t>;

tau::Stream<std::uint64_t> count_from(std::uint64_t number) {
  for (;; ++number) co_yield number;
}

bool is_prime(const std::uint64_t& number) {
  for (std::uint64_t d = 2; d * d <= number; ++d) {
    if (number % d == 0) return false;
  }
  return true;
}

}  // namespace

class PipelineSource {
 public:
  tau::Task<void> run() {
    tau::Stream<std::uint64_t> primes = count_from(2).filter(is_prime);
    for (;;) {
      auto [sender, receiver] = tau::mpsc::channel<std::uint64_t>(4);
      tau::resource::put<Numbers>("pipeline/primes", std::move(receiver)).value();
      tau::event::publish("pipeline/offered", 1).value();  // a sink that came first waits for this

      // Room first and the number then, so that none is made before somebody wants it: four ahead at most.
      while (auto room = co_await sender.reserve()) {
        auto prime = co_await primes.next();
        std::move(*room).send(*prime);
        ++sent_;
      }
      tau::print("the sink has gone; waiting for another");
    }
  }

  std::string request(std::string_view) { return std::to_string(sent_) + " sent"; }

 private:
  std::uint64_t sent_ = 0;
};

TAU_DEFINE_PLUGIN(PipelineSource)
