// What plugins/bench-peer lends, under these names, to whoever measures what another plugin costs.
#pragma once

#include <tau/tau.hpp>

#include <cstdint>
#include <string_view>

namespace bench_peer {

/// Numbers to be received until their sender goes, and where their sum is wanted.
struct Numbers {
  tau::mpsc::Receiver<std::uint64_t> numbers;
  tau::oneshot::Sender<std::uint64_t> sum;
};
/// What is sent here is added up by a task of bench-peer's.
using Adder = tau::mpsc::UnboundedSender<Numbers>;
constexpr std::string_view adder_name = "bench-peer/adder";

struct Counter {
  std::uint64_t value = 0;
};
constexpr std::string_view counter_name = "bench-peer/counter";

class Counting {
 public:
  virtual ~Counting() = default;
  virtual std::uint64_t count() noexcept = 0;
};
using CountingBox = tau::PluginBox<Counting>;
constexpr std::string_view counting_name = "bench-peer/counting";

using CountingFn = tau::PluginFn<std::uint64_t()>;
constexpr std::string_view closure_name = "bench-peer/closure";

}  // namespace bench_peer
