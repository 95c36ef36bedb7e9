// Room that is kept before there is something to send, for one value and for many.
#include <tau/spawn.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <utility>

#include "mpsc_tasks.hpp"
#include "support/two_plugins.hpp"

using tau::Errc;
using tau::test::RuntimeFixture;
using tau::test::TwoPlugins;

TEST_CASE_FIXTURE(RuntimeFixture, "a permit keeps the channel open after its sender, and room while it lives") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  auto permit = tx.try_reserve();
  REQUIRE(permit.has_value());
  CHECK(tx.try_send(1).error() == Errc::would_block);
  { auto gone = std::move(tx); }
  CHECK_FALSE(rx.try_recv().has_value());
  std::move(*permit).send(7);
  CHECK(**rx.try_recv() == 7);
  CHECK(rx.try_recv()->error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "reserve waits for room, and then sending needs no waiting") {
  auto [tx, rx] = tau::mpsc::channel<int>(1);
  REQUIRE(tx.try_send(1).has_value());
  bool sent = false;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    auto permit = co_await tx.reserve();
    std::move(*permit).send(2);
    sent = true;
  };
  tau::spawn(body).detach();
  settle();
  CHECK_FALSE(sent);
  CHECK(**rx.try_recv() == 1);
  settle();
  CHECK(sent);
  CHECK(**rx.try_recv() == 2);
}

TEST_CASE_FIXTURE(RuntimeFixture, "room for many is waited for as a whole, and used one by one") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  REQUIRE(tx.try_send(0).has_value());
  bool reserved = false;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    auto room = co_await tx.reserve_many(4);
    REQUIRE(room.has_value());
    reserved = true;
    CHECK(room->remaining() == 4);
    for (int i = 1; i <= 3; ++i) {
      auto permit = room->next();
      REQUIRE(permit.has_value());
      std::move(*permit).send(i);
    }
    CHECK(room->remaining() == 1);
  };
  tau::spawn(body).detach();
  settle();
  CHECK_FALSE(reserved);
  CHECK(tx.capacity() == 0);  // what is free goes to who waits
  CHECK(**rx.try_recv() == 0);
  settle();
  REQUIRE(reserved);
  CHECK(tx.capacity() == 1);  // the one that was not used
  for (int i = 1; i <= 3; ++i) CHECK(**rx.try_recv() == i);
}

TEST_CASE_FIXTURE(RuntimeFixture, "more room than there is, or will be, is refused") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  CHECK(tx.try_reserve_many(5).error() == Errc::invalid);
  auto three = tx.try_reserve_many(3);
  REQUIRE(three.has_value());
  CHECK(tx.try_reserve_many(2).error() == Errc::would_block);
  auto nothing = tx.try_reserve_many(0);
  REQUIRE(nothing.has_value());
  CHECK_FALSE(nothing->next().has_value());
  CHECK(three->remaining() == 3);
  auto impossible = [&, &tx = tx]() -> tau::Task<> {
    auto room = co_await tx.reserve_many(5);
    CHECK(room.error() == Errc::invalid);
  };
  auto handle = tau::spawn(impossible);
  settle();
  CHECK(handle.is_finished());
  { auto moved = std::move(*three); }
  CHECK(three->remaining() == 0);
  CHECK(tx.capacity() == 4);
  rx.close();
  CHECK(tx.try_reserve_many(1).error() == Errc::closed);
}

TEST_CASE_FIXTURE(RuntimeFixture, "who is aborted while it waits for room for many gives back what it had got") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  REQUIRE(tx.try_send(0).has_value());
  auto body = [&, &tx = tx]() -> tau::Task<> {
    auto room = co_await tx.reserve_many(4);
    FAIL("went on: " << room.has_value());
  };
  auto waiting = tau::spawn(body);
  settle();
  CHECK(tx.capacity() == 0);
  waiting.abort();
  settle();
  CHECK(tx.capacity() == 3);
}

TEST_CASE_FIXTURE(TwoPlugins, "room that a plugin keeps is free when it goes, and one permit may outlive it") {
  auto [tx, rx] = tau::mpsc::channel<int>(4);
  std::optional<tau::mpsc::Permit<int>> kept;
  auto body = [&, &tx = tx]() -> tau::Task<> {
    auto room = co_await tx.reserve_many(4);
    kept = room->next();
    co_await tx.closed();
  };
  as_other([&] { tau::spawn(body).detach(); });
  settle();
  CHECK(tx.capacity() == 0);
  unload_other();
  CHECK(tx.capacity() == 3);
  std::move(*kept).send(7);
  CHECK(**rx.try_recv() == 7);
  CHECK(tx.capacity() == 4);
}
