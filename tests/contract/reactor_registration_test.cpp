// Contract items 3, 4 and 5 for registered descriptors: remembered readiness, numbers that change their
// file, handles that went stale, many who wait.
#include "reactor_rig.hpp"

using namespace tau;
using namespace tau::test;

namespace {

/// Puts a new file under the number of `fd`, as if somebody had closed it and another opened it.
Fd replace(Fd& victim, Fd other) {
  REQUIRE(::dup3(other.get(), victim.get(), O_CLOEXEC) == victim.get());
  return Fd(victim.release());
}

}  // namespace

TEST_CASE("readiness is remembered until it is cleared") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  put(a, "x");
  rig.settle();
  for (int i = 0; i < 2; ++i) {
    FdWait wait(TAU_IN);
    CHECK(rig->wait_ready(handle, &wait) == TAU_READY);
    CHECK(wait.result == TAU_IN);
    CHECK(wait.finished == 0);
  }
  CHECK(rig->clear(handle, TAU_IN) == 0);
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  FdWait writable(TAU_OUT);
  CHECK(rig->wait_ready(handle, &writable) == TAU_READY);
  put(a, "y");
  CHECK(rig.until([&] { return wait.finished == 1; }));
  CHECK(wait.result == TAU_IN);
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("a standing wait is told of each event, until it is cancelled or its number is another file's") {
  Rig rig;
  if (!rig->readiness_is_cheap()) return;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  const tau_fd other = rig.registered(b.get());
  rig.settle();
  rig->clear(handle, TAU_IN | TAU_OUT);
  FdWait stands(TAU_IN | host::Reactor::standing), once(TAU_IN);
  CHECK(rig->wait_ready(handle, &stands) == TAU_PENDING);
  CHECK(rig->wait_ready(other, &once) == TAU_PENDING);
  for (int i = 1; i <= 3; ++i) {
    put(a, "x");
    CHECK(rig.until([&] { return stands.finished == i; }));
    CHECK(stands.result == TAU_IN);
    rig->poll(1 * ms);
    CHECK(stands.finished == i);
    CHECK(once.finished == 1);
  }
  CHECK(rig->pending() == 1);
  FdWait later(TAU_IN);
  CHECK(rig->wait_ready(handle, &later) == TAU_PENDING);  // it was told, so nothing is remembered
  CHECK(rig->cancel_wait(&later));
  SUBCASE("cancelled") {
    CHECK(rig->cancel_wait(&stands));
    put(a, "x");
    rig.settle();
    CHECK(stands.finished == 3);
    FdWait next(TAU_IN);
    CHECK(rig->wait_ready(handle, &next) == TAU_READY);
  }
  SUBCASE("closed") {
    const int number = b.get();
    auto [c, d] = socket_pair(SOCK_NONBLOCK);
    const Fd another = replace(b, std::move(d));
    CHECK(another.get() == number);
    const tau_fd anew = rig.registered(number);
    CHECK(rig.until([&] { return stands.finished == 4; }));
    CHECK(stands.result == TAU_E_CLOSED);
    CHECK(rig->remove(anew) == 0);
  }
  CHECK(rig->remove(handle) == 0);
  CHECK(rig->remove(other) == 0);
}

TEST_CASE("a hang-up satisfies every interest") {
  Rig rig;
  auto [out, in] = pipe_pair(O_NONBLOCK);
  const tau_fd handle = rig.registered(out.get());
  FdWait urgent(TAU_PRI);
  CHECK(rig->wait_ready(handle, &urgent) == TAU_PENDING);
  in.reset();
  CHECK(rig.until([&] { return urgent.finished == 1; }));
  CHECK(urgent.result == TAU_HUP);
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("all who wait on a descriptor are told, in either direction and through either handle") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  fill(b);
  const tau_fd one = rig.registered(b.get(), owner(1)), two = rig.registered(b.get(), owner(2));
  std::string order;
  FdWait first(TAU_IN), second(TAU_IN), both(TAU_IN | TAU_OUT), elsewhere(TAU_IN), writer(TAU_OUT);
  first.then = [&](FdWait&) { order += '1'; };
  second.then = [&](FdWait&) { order += '2'; };
  for (FdWait* wait : {&first, &second, &both, &writer}) CHECK(rig->wait_ready(one, wait) == TAU_PENDING);
  CHECK(rig->wait_ready(two, &elsewhere) == TAU_PENDING);
  CHECK(rig->pending() == 5);
  put(a, "x");
  CHECK(rig.until([&] { return elsewhere.finished == 1; }));
  CHECK(order == "12");
  CHECK(both.result == TAU_IN);
  CHECK(writer.finished == 0);
  drain(a);
  CHECK(rig.until([&] { return writer.finished == 1; }));

  // Readiness is each handle's own: one that forgets does not make the other forget.
  CHECK(rig->clear(one, TAU_IN) == 0);
  FdWait still(TAU_IN);
  CHECK(rig->wait_ready(two, &still) == TAU_READY);
  CHECK(rig->remove(one) == 0);
  CHECK(rig->remove(two) == 0);
}

TEST_CASE("a second registration of a descriptor learns what is ready already") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  put(a, "x");
  const tau_fd one = rig.registered(b.get());
  rig.settle();
  const tau_fd two = rig.registered(b.get());
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(two, &wait) == TAU_PENDING);
  CHECK(rig.until([&] { return wait.finished == 1; }));
  CHECK(rig->remove(one) == 0);
  CHECK(rig->remove(two) == 0);
}

TEST_CASE("operations on a registered descriptor share its watch") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  char text[4];
  Op receive(TAU_IO_RECV, b.get(), text, 4);
  FdWait wait(TAU_IN);
  CHECK_FALSE(rig->submit(&receive));
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  put(a, "x");
  CHECK(rig.until([&] { return receive.finished == 1 && wait.finished == 1; }));
  CHECK(rig->remove(handle) == 0);

  CHECK_FALSE(rig->submit(&receive));  // and go on without it
  const tau_fd again = rig.registered(b.get());
  CHECK(rig->remove(again) == 0);
  put(a, "y");
  CHECK(rig.until([&] { return receive.finished == 2; }));
}

TEST_CASE("deregistering ends the waits from poll, and the handle is stale") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get(), owner(3));
  CHECK(rig->owner_of(handle) == owner(3));
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  CHECK(rig->remove(handle) == 0);
  CHECK(wait.finished == 0);
  CHECK(rig->pending() == 1);
  rig->poll(-1);  // what ended already is told without sleeping
  CHECK(wait.finished == 1);
  CHECK(wait.result == TAU_E_CLOSED);

  CHECK(rig->remove(handle) == TAU_E_STALE);
  CHECK(rig->clear(handle, TAU_IN) == TAU_E_STALE);
  CHECK(rig->wait_ready(handle, &wait) == TAU_E_STALE);
  CHECK(rig->owner_of(handle) == nullptr);
  const tau_fd next = rig.registered(b.get());
  CHECK(next != handle);
  CHECK(rig->remove(handle) == TAU_E_STALE);
  CHECK(rig->remove(next) == 0);
  for (tau_fd never : {tau_fd{0}, ~tau_fd{0}, tau_fd{1} << 32, tau_fd{12345}}) {
    CHECK(rig->remove(never) == TAU_E_STALE);
  }
}

TEST_CASE("what ended but was not told yet can still be canceled") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  FdWait one(TAU_IN), two(TAU_IN), three(TAU_IN);
  for (FdWait* wait : {&one, &two, &three}) CHECK(rig->wait_ready(handle, wait) == TAU_PENDING);
  CHECK(rig->remove(handle) == 0);
  CHECK(rig->cancel_wait(&three));
  CHECK(rig->cancel_wait(&one));
  CHECK_FALSE(rig->cancel_wait(&one));
  rig.settle();
  CHECK(one.finished + three.finished == 0);
  CHECK(two.finished == 1);
}

TEST_CASE("regular files and closed descriptors are not registered") {
  Rig rig;
  char path[] = "/tmp/tau_reactor_XXXXXX";
  Fd file(::mkstemp(path));
  ::unlink(path);
  tau_fd handle = 77;
  CHECK(rig->add(nullptr, file.get(), &handle) == -EPERM);
  CHECK(rig->add(nullptr, -1, &handle) == -EBADF);
  CHECK(rig->add(nullptr, 0x7fffffff, &handle) == -EBADF);
  CHECK(handle == 77);
}

TEST_CASE("a number that was reused: the old waits end as closed and the new ones see only the new file") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  auto [c, d] = socket_pair(SOCK_NONBLOCK);
  SUBCASE("the old file is gone") {}
  Fd elsewhere;
  SUBCASE("the old file lives on under another number") { elsewhere = Fd(::dup(b.get())); }

  const tau_fd old_handle = rig.registered(b.get(), owner(1));
  char text[4];
  FdWait old_wait(TAU_IN);
  Op old_receive(TAU_IO_RECV, b.get(), text, 4);
  CHECK(rig->wait_ready(old_handle, &old_wait) == TAU_PENDING);
  CHECK_FALSE(rig->submit(&old_receive));

  Fd reused = replace(b, std::move(d));
  const tau_fd new_handle = rig.registered(reused.get(), owner(2));
  FdWait new_wait(TAU_IN);
  CHECK(rig->wait_ready(new_handle, &new_wait) == TAU_PENDING);
  rig.settle();
  CHECK(old_wait.result == TAU_E_CLOSED);
  CHECK(old_receive.result == TAU_E_CLOSED);
  CHECK(old_wait.finished == 1);
  CHECK(old_receive.finished == 1);

  ::send(a.get(), "old", 3, MSG_NOSIGNAL);
  rig.settle();
  CHECK(new_wait.finished == 0);
  put(c, "new");
  CHECK(rig.until([&] { return new_wait.finished == 1; }));

  // The old handle is still its owner's to give back, and waits on it end at once.
  FdWait late(TAU_IN);
  CHECK(rig->wait_ready(old_handle, &late) == TAU_READY);
  CHECK(late.result == TAU_E_CLOSED);
  CHECK(rig->owner_of(old_handle) == owner(1));
  CHECK(rig->remove(old_handle) == 0);
  CHECK(rig->remove(old_handle) == TAU_E_STALE);
  FdWait after(TAU_OUT);
  rig->clear(new_handle, TAU_IN);
  CHECK(rig->wait_ready(new_handle, &after) == TAU_READY);
  CHECK(rig->remove(new_handle) == 0);
}

TEST_CASE("a number that was closed and reused ends its waits when it is deregistered") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  auto [c, d] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  FdWait wait(TAU_IN);
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  Fd reused = replace(b, std::move(d));
  put(c, "x");
  rig.settle();
  CHECK(wait.finished == 0);  // never the new file's events
  CHECK(rig->remove(handle) == 0);
  rig.settle();
  CHECK(wait.finished == 1);
  CHECK(wait.result == TAU_E_CLOSED);
}

TEST_CASE("an operation on a reused number is not lost behind one that waits for the old file") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  auto [c, d] = socket_pair(SOCK_NONBLOCK);
  char text[4];
  Op old_one(TAU_IO_RECV, b.get(), text, 4);
  old_one.owner = owner(1);
  CHECK_FALSE(rig->submit(&old_one));
  bool careless = false;
  SUBCASE("where nobody has registered it") {}
  SUBCASE("also where a careless owner has registered the old file") { careless = true; }
  tau_fd handle = 0;
  if (careless) handle = rig.registered(b.get(), owner(1));

  Fd reused = replace(b, std::move(d));
  Op new_one(TAU_IO_RECV, reused.get(), text, 4);
  new_one.owner = owner(2);
  CHECK_FALSE(rig->submit(&new_one));
  put(c, "x");
  CHECK(rig.until([&] { return new_one.finished == 1; }));
  CHECK(new_one.result == 1);
  CHECK(old_one.finished == 1);
  CHECK(old_one.result == TAU_E_CLOSED);
  if (careless) CHECK(rig->remove(handle) == 0);
}

TEST_CASE("an owner's registrations and waits are withdrawn; others' waits on them end as closed") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd mine = rig.registered(b.get(), owner(1)), other = rig.registered(b.get(), owner(2));
  FdWait my_wait(TAU_IN, owner(1)), guest(TAU_IN, owner(2)), away(TAU_IN, owner(1)), theirs(TAU_IN, owner(2));
  CHECK(rig->wait_ready(mine, &my_wait) == TAU_PENDING);
  CHECK(rig->wait_ready(mine, &guest) == TAU_PENDING);
  CHECK(rig->wait_ready(other, &away) == TAU_PENDING);
  CHECK(rig->wait_ready(other, &theirs) == TAU_PENDING);
  CHECK(rig->withdraw_owner(owner(1)) == 3);
  CHECK(rig->remove(mine) == TAU_E_STALE);
  put(a, "x");
  CHECK(rig.until([&] { return theirs.finished == 1 && guest.finished == 1; }));
  CHECK(guest.result == TAU_E_CLOSED);
  CHECK(theirs.result == TAU_IN);
  CHECK(my_wait.finished + away.finished == 0);
  CHECK(rig->remove(other) == 0);
}

TEST_CASE("the accounts are told of each end before it is called") {
  static int ios = 0, waits = 0;
  static tau_plugin* last = nullptr;
  ios = waits = 0;
  Rig rig;
  rig->keep({[](tau_plugin* who) { ++ios, last = who; }, [](tau_plugin* who) { ++waits, last = who; }});
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  char text[4];
  Op receive(TAU_IO_RECV, b.get(), text, 4);
  receive.owner = owner(4);
  receive.then = [&](Op&) {
    CHECK(ios == 1);
    CHECK(last == owner(4));
  };
  FdWait wait(TAU_IN, owner(5));
  wait.then = [&](FdWait&) {
    CHECK(waits == 1);
    CHECK(last == owner(5));
  };
  CHECK_FALSE(rig->submit(&receive));
  CHECK(rig->wait_ready(handle, &wait) == TAU_PENDING);
  put(a, "x");
  CHECK(rig.until([&] { return receive.finished == 1 && wait.finished == 1; }));
  CHECK(rig->remove(handle) == 0);
}

TEST_CASE("a number that names a regular file by now lets go of the socket that it was") {
  Rig rig;
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  const tau_fd handle = rig.registered(b.get());
  char path[] = "/tmp/tau_reactor_XXXXXX";
  Fd file(::mkstemp(path));
  ::unlink(path);
  Fd reused = replace(b, std::move(file));
  tau_fd other = 0;
  CHECK(rig->add(nullptr, reused.get(), &other) == -EPERM);
  char byte;
  CHECK(::recv(a.get(), &byte, 1, MSG_DONTWAIT) == 0);
  CHECK(rig->remove(handle) == 0);
}
