// Cases of the bridge: coroutines of tau's, with the bridge of this flavour.
#pragma once

#include "../case.hpp"

#if TAU_TEST_BOOST
#include <tau/boost_asio.hpp>
#else
#include <tau/asio.hpp>
#endif
#include <tau/sleep.hpp>
#include <tau/spawn.hpp>
#include <tau/task.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asio_cases {

#if TAU_TEST_BOOST
namespace bridge = tau::boost_asio;
#else
namespace bridge = tau::asio;
#endif

/// Plays a case's task on the loop, wherever the case was begun.
inline tau::Task<void> told(Driver& d, tau::Task<void> (*body)(Driver&)) {
  try {
    co_await body(d);
  } catch (const std::exception& e) {
    d.want(false, e.what(), "thrown", 0);
  }
}
inline void play_task(Driver& d, tau::Task<void> (*body)(Driver&)) {
  if (!tau::block_on(told(d, body))) d.want(false, "its task has ended otherwise", __FILE__, __LINE__);
}

#define BRIDGE_CASE_ON(line, ...)                                                          \
  static tau::Task<void> bridge_case_##line(asio_cases::Driver& d);                        \
  static void bridge_play_##line(asio_cases::Driver& d) {                                  \
    asio_cases::play_task(d, &bridge_case_##line);                                         \
  }                                                                                        \
  static asio_cases::Case bridge_entry_##line(BRIDGE_CASE_NAME(line, __VA_ARGS__));        \
  static tau::Task<void> bridge_case_##line([[maybe_unused]] asio_cases::Driver& d)
#define BRIDGE_CASE_NAME(line, name, ...) name, &bridge_play_##line __VA_OPT__(, asio_cases::Case::__VA_ARGS__)
#define BRIDGE_CASE_AT(line, ...) BRIDGE_CASE_ON(line, __VA_ARGS__)
/// BRIDGE_CASE("sentence") { ... co_return; }: a tau::Task<void> with a Driver& d.
#define BRIDGE_CASE(...) BRIDGE_CASE_AT(__LINE__, __VA_ARGS__)

/// The error by which an operation ends.
template <class Awaitable>
tau::Task<net_error_code> error_of(Awaitable awaitable) {
  try {
    (void)co_await std::move(awaitable);
  } catch (const net_system_error& e) {
    co_return e.code();
  }
  co_return net_error_code();
}

inline net_error_code error_in(const std::exception_ptr& thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const net_system_error& e) {
    return e.code();
  } catch (...) {
    return net::error::fault;
  }
  return {};
}

/// Operations that end when they are told to: async_wait(token) gives (error, int, string).
class Manual {
 public:
  struct Waiting {
    virtual ~Waiting() = default;
    virtual void end(net_error_code error, int number, std::string text) = 0;
  };
  std::vector<std::unique_ptr<Waiting>> waiting;
  int cancelled = 0;
  net::cancellation_type how = net::cancellation_type::none;

  template <class Token>
  auto async_wait(Token&& token) {
    return net::async_initiate<Token, void(net_error_code, int, std::string)>(Initiate{this}, token);
  }
  void end(net_error_code error, int number, std::string text) {
    auto first = std::move(waiting.front());
    waiting.erase(waiting.begin());
    first->end(error, number, std::move(text));
  }

 private:
  template <class Handler>
  struct Kept final : Waiting {
    explicit Kept(Handler&& handler) : handler(std::move(handler)) {}
    void end(net_error_code error, int number, std::string text) override {
      std::move(handler)(error, number, std::move(text));
    }
    Handler handler;
  };
  struct Initiate {
    Manual* manual;
    template <class Handler>
    void operator()(Handler&& handler) const {
      auto slot = net::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) {
        slot.assign([self = manual](net::cancellation_type type) {
          ++self->cancelled;
          self->how = type;
        });
      }
      manual->waiting.push_back(std::make_unique<Kept<std::decay_t<Handler>>>(std::move(handler)));
    }
  };
};

inline tau::Task<void> nap() { co_await tau::sleep(1ms); }

}  // namespace asio_cases
