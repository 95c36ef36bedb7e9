#include <tau/spawn.hpp>
#include <tau/sync/oneshot.hpp>
#include <tau/time.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "support/counted.hpp"
#include "support/two_plugins.hpp"

using namespace std::chrono_literals;
using tau::Errc;
using tau::test::Counted;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

namespace {

tau::Task<> await_into(tau::oneshot::Receiver<std::string>* rx, tau::Result<std::string>* out) {
  tau::Result<std::string> value = co_await *rx;
  *out = std::move(value);
}

}  // namespace

TEST_CASE_FIXTURE(RuntimeFixture, "one value, sent before, while or after it is awaited") {
  for (bool before : {true, false}) {
    auto [tx, rx] = tau::oneshot::channel<std::string>();
    tau::Result<std::string> got = Errc::invalid;
    if (before) CHECK(tx.send("hello").has_value());
    tau::spawn(await_into(&rx, &got)).detach();
    settle();
    if (!before) CHECK(tx.send("hello").has_value());
    settle();
    REQUIRE(got.has_value());
    CHECK(*got == "hello");
    CHECK(tx.send("again").error() == Errc::closed);
    CHECK(rx.try_recv()->error() == Errc::closed);
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "a sender that goes without sending is seen, at once or by who waits") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  tau::Result<std::string> got = Errc::invalid;
  tau::spawn(await_into(&rx, &got)).detach();
  settle();
  CHECK_FALSE(rx.try_recv().has_value());
  { auto gone = std::move(tx); }
  settle();
  CHECK(got.error() == Errc::closed);
  CHECK(rx.try_recv()->error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "a receiver that goes, or closes, is seen by the sender") {
  for (bool drop : {true, false}) {
    auto [tx, rx] = tau::oneshot::channel<std::string>();
    bool told = false;
    auto watch = [&, &tx = tx]() -> tau::Task<> {
      co_await tx.closed();
      told = true;
    };
    tau::spawn(watch).detach();
    settle();
    CHECK_FALSE(told);
    if (drop) {
      auto gone = std::move(rx);
    } else {
      rx.close();
    }
    settle();
    CHECK(told);
    CHECK(tx.is_closed());
    std::string value = "kept";
    CHECK(tx.send(std::move(value)).error() == Errc::closed);
    CHECK(value == "kept");
  }
}

TEST_CASE_FIXTURE(RuntimeFixture, "what was sent before closing is still received") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  REQUIRE(tx.send("early").has_value());
  rx.close();
  CHECK(**rx.try_recv() == "early");
}

TEST_CASE_FIXTURE(RuntimeFixture, "a value that nobody receives is dropped with the receiver") {
  int alive = 0;
  auto [tx, rx] = tau::oneshot::channel<std::unique_ptr<Counted>>();
  REQUIRE(tx.send(std::make_unique<Counted>(alive)).has_value());
  CHECK(alive == 1);
  { auto gone = std::move(rx); }
  CHECK(alive == 0);
}

TEST_CASE_FIXTURE(RuntimeFixture, "abort the receiver before and after it was woken: the value stays") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  tau::Result<std::string> got = Errc::invalid;
  auto first = tau::spawn(await_into(&rx, &got));
  settle();
  first.abort();
  settle();
  auto second = tau::spawn(await_into(&rx, &got));
  settle();
  REQUIRE(tx.send("value").has_value());
  second.abort();
  settle();
  CHECK_FALSE(got.has_value());
  CHECK(**rx.try_recv() == "value");
}

TEST_CASE_FIXTURE(RuntimeFixture, "a second receiver is refused while one waits; blocking ones on the loop, too") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  tau::Result<std::string> first = Errc::invalid, second = Errc::invalid;
  tau::spawn(await_into(&rx, &first)).detach();
  settle();
  tau::spawn(await_into(&rx, &second)).detach();
  settle();
  CHECK(second.error() == Errc::busy);
  CHECK(rx.blocking_recv().error() == Errc::wrong_thread);
  REQUIRE(tx.send("x").has_value());
  settle();
  CHECK(*first == "x");
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the sender's plugin: the receiver sees it closed") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  auto body = [](tau::oneshot::Sender<std::string> mine) -> tau::Task<> {
    co_await tau::sleep(24h);
    (void)mine.send("never");
  };
  as_other([&, &tx = tx] { tau::spawn(body(std::move(tx))).detach(); });
  tau::Result<std::string> got = Errc::invalid;
  tau::spawn(await_into(&rx, &got)).detach();
  settle();
  CHECK(got.error() == Errc::invalid);
  unload_other();
  settle();
  CHECK(got.error() == Errc::closed);
}

TEST_CASE_FIXTURE(TwoPlugins, "unload the receiver's plugin: the sender sees it closed") {
  auto [tx, rx] = tau::oneshot::channel<std::string>();
  auto body = [](tau::oneshot::Receiver<std::string> mine) -> tau::Task<> { (void)co_await mine; };
  as_other([&, &rx = rx] { tau::spawn(body(std::move(rx))).detach(); });
  settle();
  CHECK_FALSE(tx.is_closed());
  unload_other();
  CHECK(tx.is_closed());
  CHECK(tx.send("late").error() == Errc::closed);
}
