// What it costs to hand a value to another task, to another plugin's task, and to another thread.
#include <thread>

#include "../bench-peer/bench_peer.hpp"
#include "bench.hpp"

namespace bench {
namespace {

using Number = std::uint64_t;

constexpr std::uint64_t messages = 3'000'000;

tau::Task<void> send_all(tau::mpsc::Sender<Number> numbers, Number count) {
  for (Number i = 0; i < count; ++i) {
    const tau::Result<void> sent = co_await numbers.send(i);
    sent.value();
  }
}

tau::Task<void> send_all_at_once(tau::mpsc::UnboundedSender<Number> numbers, Number count) {
  for (Number i = 0; i < count; ++i) numbers.send(i).value();
  co_return;
}

tau::Task<void> broadcast_all(tau::broadcast::Sender<Number> numbers, Number count) {
  for (Number i = 0; i < count; ++i) {
    numbers.send(i).value();
    if (i % 128 == 127) co_await tau::yield_now();
  }
}

tau::Task<void> show_all(tau::watch::Sender<Number> numbers, Number count) {
  for (Number i = 0; i < count; ++i) {
    numbers.send(i).value();
    co_await tau::yield_now();
  }
}

template <class Receiver>
tau::Task<Number> sum_of(Receiver numbers) {
  Number sum = 0;
  while (tau::Result<Number> number = co_await numbers.recv()) sum += *number;
  co_return sum;
}

tau::Task<Number> sum_of_seen(tau::watch::Receiver<Number> numbers) {
  Number sum = 0;
  while (tau::Result<void> changed = co_await numbers.changed()) sum += *numbers.borrow();
  co_return sum;
}

tau::Task<Number> sum_elsewhere(tau::oneshot::Receiver<Number> answer) {
  const tau::Result<Number> sum = co_await answer;
  co_return sum.value();
}

/// Both tasks, from their spawning to their end.
tau::Task<std::string> transfer(std::string_view name, tau::Task<void> sender, tau::Task<Number> receiver,
                                Number count) {
  const Stopwatch watch;
  tau::JoinHandle<Number> receiving = tau::spawn(std::move(receiver));
  tau::JoinHandle<void> sending = tau::spawn(std::move(sender));
  const tau::Result<void> sent = co_await sending;
  sent.value();
  const tau::Result<Number> sum = co_await receiving;
  const Cost cost(watch, count);
  check(sum.value() == count * (count - 1) / 2, "a message was lost");
  co_return to_json(name, cost);
}

tau::Task<void> send_then_receive(tau::oneshot::Sender<Number> there, tau::oneshot::Receiver<Number> back) {
  there.send(1).value();
  const tau::Result<Number> answer = co_await back;
  check(answer.value() == 2, "the answer is wrong");
}

tau::Task<void> receive_then_send(tau::oneshot::Receiver<Number> there, tau::oneshot::Sender<Number> back) {
  const tau::Result<Number> question = co_await there;
  back.send(question.value() + 1).value();
}

void echo_from_thread(tau::mpsc::Receiver<Number> questions, tau::mpsc::Sender<Number> answers) {
  while (tau::Result<Number> question = questions.blocking_recv()) {
    if (!answers.blocking_send(*question + 1)) return;
  }
}

}  // namespace

tau::Task<std::string> mpsc_128(Scale scale) {
  auto [tx, rx] = tau::mpsc::channel<Number>(128);
  const Number count = scale.of(messages);
  return transfer("mpsc_128", send_all(std::move(tx), count), sum_of(std::move(rx)), count);
}

tau::Task<std::string> mpsc_unbounded(Scale scale) {
  auto [tx, rx] = tau::mpsc::unbounded_channel<Number>();
  const Number count = scale.of(messages);
  return transfer("mpsc_unbounded", send_all_at_once(std::move(tx), count), sum_of(std::move(rx)), count);
}

tau::Task<std::string> mpsc_cross_plugin(Scale scale) {
  auto [tx, rx] = tau::mpsc::channel<Number>(128);
  auto [sum, answer] = tau::oneshot::channel<Number>();
  const Number count = scale.of(messages);
  auto peer = tau::resource::get<bench_peer::Adder>(bench_peer::adder_name).value();
  peer->send(bench_peer::Numbers{std::move(rx), std::move(sum)}).value();
  return transfer("mpsc_cross_plugin", send_all(std::move(tx), count), sum_elsewhere(std::move(answer)), count);
}

tau::Task<std::string> broadcast(Scale scale) {
  auto [tx, rx] = tau::broadcast::channel<Number>(128);
  const Number count = scale.of(messages);
  return transfer("broadcast", broadcast_all(std::move(tx), count), sum_of(std::move(rx)), count);
}

tau::Task<std::string> watch(Scale scale) {
  auto [tx, rx] = tau::watch::channel<Number>(0);
  const Number count = scale.of(messages);
  return transfer("watch", show_all(std::move(tx), count), sum_of_seen(std::move(rx)), count);
}

tau::Task<std::string> oneshot_pingpong(Scale scale) {
  const std::uint64_t rounds = scale.of(200'000);
  const Stopwatch watch;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    auto [there, asked] = tau::oneshot::channel<Number>();
    auto [back, answered] = tau::oneshot::channel<Number>();
    tau::JoinHandle<void> asking = tau::spawn(send_then_receive(std::move(there), std::move(answered)));
    tau::JoinHandle<void> answering = tau::spawn(receive_then_send(std::move(asked), std::move(back)));
    const tau::Result<void> one = co_await asking;
    const tau::Result<void> other = co_await answering;
    one.value();
    other.value();
  }
  co_return to_json("oneshot_pingpong", Cost(watch, rounds));
}

tau::Task<std::string> cross_thread_rtt(Scale scale) {
  const std::uint64_t trips = scale.of(100'000);
  std::jthread thread;  // joined last, after the ends below have gone and it has therefore returned
  auto [questions, asked] = tau::mpsc::channel<Number>(1);
  auto [answering, answers] = tau::mpsc::channel<Number>(1);
  thread = std::jthread(echo_from_thread, std::move(asked), std::move(answering));
  const Stopwatch watch;
  for (Number i = 0; i < trips; ++i) {
    const tau::Result<void> sent = co_await questions.send(i);
    sent.value();
    const tau::Result<Number> answer = co_await answers.recv();
    check(answer.value() == i + 1, "the thread answered something else");
  }
  co_return to_json("cross_thread_rtt", Cost(watch, trips));
}

}  // namespace bench
