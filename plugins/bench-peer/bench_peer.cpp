// The other plugin of benches that need two: it receives what bench-plugin sends, lends it objects, and answers
// the host's messages with what they say.
#include "bench_peer.hpp"

#include <string>

namespace {

class CountingHere final : public bench_peer::Counting {
 public:
  std::uint64_t count() noexcept override { return ++count_; }

 private:
  std::uint64_t count_ = 0;
};

tau::Task<void> add_up(bench_peer::Numbers job) {
  std::uint64_t sum = 0;
  while (tau::Result<std::uint64_t> number = co_await job.numbers.recv()) sum += *number;
  static_cast<void>(job.sum.send(sum));  // nobody may want it any more
}

class BenchPeer {
 public:
  BenchPeer() {
    tau::resource::put<bench_peer::Counter>(bench_peer::counter_name).value();
    tau::resource::put<bench_peer::CountingBox>(bench_peer::counting_name,
                                                tau::PluginBox<CountingHere>::make()).value();
    auto count = [n = std::uint64_t{0}]() mutable { return ++n; };
    tau::resource::put<bench_peer::CountingFn>(bench_peer::closure_name, count).value();
    auto [sender, receiver] = tau::mpsc::unbounded_channel<bench_peer::Numbers>();
    tau::resource::put<bench_peer::Adder>(bench_peer::adder_name, std::move(sender)).value();
    serving_ = tau::spawn(serve(std::move(receiver)));
  }

  std::string request(std::string_view payload) { return std::string(payload); }

 private:
  static tau::Task<void> serve(tau::mpsc::Receiver<bench_peer::Numbers> jobs) {
    while (tau::Result<bench_peer::Numbers> job = co_await jobs.recv()) tau::spawn(add_up(std::move(*job))).detach();
  }

  tau::JoinHandle<void> serving_;
};

}  // namespace

TAU_DEFINE_PLUGIN(BenchPeer)
