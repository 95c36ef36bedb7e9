// The emulated kqueue by itself: each case is a rule of kqueue(2) that the backend relies on, so that an
// emulation that is too kind cannot let a wrong backend pass. See tests/support/kqueue/README.md.
#include <sys/event.h>
#include <sys/wait.h>

#include <thread>

#include "reactor_rig.hpp"

using namespace tau::test;

namespace {

using Event = struct kevent;
constexpr timespec at_once{0, 0};
constexpr timespec soon{0, 5 * ms};

Event change(const Fd& fd, short filter, int flags, std::uintptr_t udata = 0) {
  Event event;
  EV_SET(&event, static_cast<std::uintptr_t>(fd.get()), filter, static_cast<unsigned short>(flags), 0, 0,
         reinterpret_cast<void*>(udata));
  return event;
}

struct Kqueue {
  Fd queue{::kqueue()};
  Event got[8] = {};

  Kqueue() { REQUIRE(queue.get() >= 0); }

  /// 0 or the errno with which the change was refused.
  int apply(const Event& event) {
    return ::kevent(queue.get(), &event, 1, nullptr, 0, nullptr) == 0 ? 0 : errno;
  }
  int apply(const Fd& fd, short filter, int flags, std::uintptr_t udata = 0) {
    return apply(change(fd, filter, flags, udata));
  }
  /// Number of events in `got`.
  int collect(const timespec& timeout = at_once, int room = 8) {
    return ::kevent(queue.get(), nullptr, 0, got, room, &timeout);
  }
  /// Whether nothing but that one is reported.
  bool only(const Fd& fd, short filter) {
    return collect() == 1 && got[0].ident == static_cast<std::uintptr_t>(fd.get()) && got[0].filter == filter;
  }
};

}  // namespace

TEST_CASE("kqueue: a knote is added once, changed by adding it again and reports what was given last") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR, 1) == 0);
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR, 2) == 0);
  CHECK(kq.collect() == 0);
  put(a, "four");
  REQUIRE(kq.only(b, EVFILT_READ));
  CHECK(kq.got[0].udata == reinterpret_cast<void*>(2));
  CHECK(kq.got[0].data == 4);
  CHECK((kq.got[0].flags & (EV_EOF | EV_ERROR)) == 0);
}

TEST_CASE("kqueue: what is not there cannot be changed, and what is no descriptor cannot be added") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  for (int flags : {EV_ENABLE, EV_DISABLE, EV_DELETE, EV_CLEAR}) {
    CHECK(kq.apply(b, EVFILT_READ, flags) == ENOENT);
    CHECK(kq.apply(Fd(), EVFILT_READ, flags) == EBADF);
  }
  CHECK(kq.apply(Fd(), EVFILT_READ, EV_ADD) == EBADF);
  CHECK(kq.apply(b, 77, EV_ADD) == EINVAL);
  // One filter is not the other.
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD) == 0);
  CHECK(kq.apply(b, EVFILT_WRITE, EV_ENABLE) == ENOENT);
  CHECK(kq.apply(b, EVFILT_READ, EV_DELETE) == 0);
  CHECK(kq.apply(b, EVFILT_READ, EV_DELETE) == ENOENT);
}

TEST_CASE("kqueue: without EV_CLEAR a condition is reported while it holds, and not any longer") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD) == 0);
  for (int i = 0; i < 3; ++i) CHECK(kq.only(b, EVFILT_READ));
  drain(b);
  CHECK(kq.collect() == 0);
}

TEST_CASE("kqueue: with EV_CLEAR each change is reported once") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.collect() == 0);
  put(a, "y");  // more of the same is a change
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.collect() == 0);
  put(a, "z");
  drain(b);  // gone before anybody looked
  CHECK(kq.collect() == 0);
}

TEST_CASE("kqueue: what becomes readable is no event for writing") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.apply(b, EVFILT_WRITE, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.only(b, EVFILT_WRITE));
  put(a, "x");
  CHECK(kq.only(b, EVFILT_READ));
  fill(b);
  CHECK(kq.collect() == 0);
  drain(a);
  CHECK(kq.only(b, EVFILT_WRITE));
}

TEST_CASE("kqueue: enabling what is enabled has it evaluated and reported once more") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  put(a, "x");
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE, 5) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.got[0].udata == reinterpret_cast<void*>(5));
  CHECK(kq.collect() == 0);
  drain(b);
  CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == 0);
  CHECK(kq.collect() == 0);
}

TEST_CASE("kqueue: a disabled knote says nothing until it is enabled, and adding enables") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_CLEAR | EV_DISABLE) == 0);
  put(a, "x");
  CHECK(kq.collect() == 0);
  CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.apply(b, EVFILT_READ, EV_DISABLE) == 0);
  put(a, "y");
  CHECK(kq.collect() == 0);
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD) == 0);
  CHECK(kq.only(b, EVFILT_READ));
}

TEST_CASE("kqueue: EV_ONESHOT ends with its first report, EV_DISPATCH sleeps after each") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_ONESHOT) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == ENOENT);

  CHECK(kq.apply(b, EVFILT_READ, EV_ADD | EV_DISPATCH) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  put(a, "y");
  CHECK(kq.collect() == 0);
  CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == 0);
  CHECK(kq.only(b, EVFILT_READ));
  CHECK(kq.collect() == 0);
}

TEST_CASE("kqueue: EV_RECEIPT answers each change and collects nothing") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  Event both[2] = {change(b, EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT),
                   change(b, EVFILT_WRITE, EV_DELETE | EV_RECEIPT)};
  REQUIRE(::kevent(kq.queue.get(), both, 2, both, 2, nullptr) == 2);
  CHECK(both[0].flags == EV_ERROR);
  CHECK(both[0].data == 0);
  CHECK(both[0].filter == EVFILT_READ);
  CHECK(both[1].flags == EV_ERROR);
  CHECK(both[1].data == ENOENT);
  CHECK(kq.only(b, EVFILT_READ));  // still there to be collected
}

TEST_CASE("kqueue: a change that fails takes a place in the list and the call does not sleep") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  Event changes[3] = {change(b, EVFILT_WRITE, EV_DELETE), change(b, EVFILT_READ, EV_ADD),
                      change(a, EVFILT_READ, EV_DELETE)};
  REQUIRE(::kevent(kq.queue.get(), changes, 3, kq.got, 8, nullptr) == 2);
  for (int i : {0, 1}) {
    CHECK(kq.got[i].flags == EV_ERROR);
    CHECK(kq.got[i].data == ENOENT);
  }
  CHECK(kq.only(b, EVFILT_READ));  // the one between them was made

  // Without room the call fails, and what comes after is not done.
  Event last[2] = {change(b, EVFILT_WRITE, EV_DELETE), change(b, EVFILT_READ, EV_DELETE)};
  CHECK(::kevent(kq.queue.get(), last, 2, nullptr, 0, nullptr) == -1);
  CHECK(errno == ENOENT);
  CHECK(kq.only(b, EVFILT_READ));
}

TEST_CASE("kqueue: changes are made before events are collected, in one call") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  put(a, "x");
  const Event add = change(b, EVFILT_READ, EV_ADD | EV_CLEAR);
  CHECK(::kevent(kq.queue.get(), &add, 1, kq.got, 8, nullptr) == 1);
  put(a, "y");
  const Event gone = change(b, EVFILT_READ, EV_DELETE);
  CHECK(::kevent(kq.queue.get(), &gone, 1, kq.got, 8, &at_once) == 0);
}

TEST_CASE("kqueue: the end of a socket is told for each side") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD) == 0);
  ::shutdown(a.get(), SHUT_WR);
  REQUIRE(kq.only(b, EVFILT_READ));
  CHECK((kq.got[0].flags & EV_EOF) != 0);
  CHECK(kq.got[0].fflags == 0);
  CHECK(kq.apply(b, EVFILT_WRITE, EV_ADD) == 0);
  REQUIRE(kq.collect() == 2);
  for (int i : {0, 1}) CHECK(((kq.got[i].flags & EV_EOF) != 0) == (kq.got[i].filter == EVFILT_READ));
  a.reset();
  REQUIRE(kq.collect() == 2);
  for (int i : {0, 1}) CHECK((kq.got[i].flags & EV_EOF) != 0);
}

TEST_CASE("kqueue: a pipe ends with its other side; its one end does not report for the other") {
  Kqueue kq;
  auto [out, in] = pipe_pair();
  CHECK(kq.apply(out, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.apply(out, EVFILT_WRITE, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.apply(in, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.collect() == 0);
  in.reset();
  REQUIRE(kq.only(out, EVFILT_READ));
  CHECK((kq.got[0].flags & EV_EOF) != 0);

  auto [out2, in2] = pipe_pair();
  CHECK(kq.apply(in2, EVFILT_WRITE, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.only(in2, EVFILT_WRITE));
  out2.reset();
  REQUIRE(kq.only(in2, EVFILT_WRITE));
  CHECK((kq.got[0].flags & EV_EOF) != 0);
  CHECK(kq.apply(in2, EVFILT_WRITE, EV_DELETE) == 0);
  CHECK(kq.apply(in2, EVFILT_WRITE, EV_ADD) == EPIPE);
}

TEST_CASE("kqueue: a socket that was never connected reports nothing, and writing once it is") {
  Kqueue kq;
  sockaddr_in address;
  Fd listener = tcp_listener(&address);
  Fd client = tcp_socket();
  CHECK(kq.apply(listener, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.apply(client, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.apply(client, EVFILT_WRITE, EV_ADD | EV_CLEAR) == 0);
  CHECK(kq.collect(soon) == 0);
  REQUIRE(connect_to(client, address));
  bool connected = false, called = false;
  while (!connected || !called) {
    REQUIRE(kq.collect({10, 0}, 1) == 1);
    CHECK((kq.got[0].flags & EV_EOF) == 0);
    (kq.got[0].filter == EVFILT_WRITE ? connected : called) = true;
  }
}

TEST_CASE("kqueue: urgent data is a flag of the reading side") {
  Kqueue kq;
  auto [client, served] = tcp_pair();
  CHECK(kq.apply(served, EVFILT_READ, EV_ADD | EV_CLEAR) == 0);
  REQUIRE(::send(client.get(), "!", 1, MSG_OOB) == 1);
  REQUIRE(kq.collect({10, 0}) == 1);
  CHECK((kq.got[0].flags & EV_OOBAND) != 0);
}

TEST_CASE("kqueue: knotes die with their number, also where the file lives on") {
  Kqueue kq;
  auto [a, b] = socket_pair();
  Fd elsewhere(::dup(b.get()));
  CHECK(kq.apply(b, EVFILT_READ, EV_ADD) == 0);
  CHECK(kq.apply(elsewhere, EVFILT_READ, EV_ADD) == 0);
  const int number = b.get();
  SUBCASE("when it is closed") {
    b.reset();
    put(a, "x");
    CHECK(kq.only(elsewhere, EVFILT_READ));
    auto [c, d] = socket_pair();
    REQUIRE((c.get() == number || d.get() == number));
    CHECK(kq.apply(c.get() == number ? c : d, EVFILT_READ, EV_ENABLE) == ENOENT);
  }
  SUBCASE("when another file takes it") {
    auto [c, d] = socket_pair();
    bool by_dup3 = false;
    SUBCASE("by dup2") {}
    SUBCASE("by dup3") {
      by_dup3 = true;
    }
    REQUIRE((by_dup3 ? ::dup3(d.get(), number, O_CLOEXEC) : ::dup2(d.get(), number)) == number);
    CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == ENOENT);
    put(c, "y");
    put(a, "x");
    CHECK(kq.only(elsewhere, EVFILT_READ));
  }
  SUBCASE("but not by a dup that fails or changes nothing") {
    CHECK(::dup2(-1, number) == -1);
    CHECK(::dup2(number, number) == number);
    CHECK(kq.apply(b, EVFILT_READ, EV_ENABLE) == 0);
  }
}

TEST_CASE("kqueue: a user event is triggered from any thread, told once and level without EV_CLEAR") {
  Kqueue kq;
  Event user;
  const auto set = [&](std::uintptr_t ident, int flags, unsigned fflags) {
    EV_SET(&user, ident, EVFILT_USER, static_cast<unsigned short>(flags), fflags, 0, nullptr);
    return user;
  };
  CHECK(kq.apply(set(7, 0, NOTE_TRIGGER)) == ENOENT);
  CHECK(kq.apply(set(7, EV_ADD | EV_CLEAR, 0)) == 0);
  CHECK(kq.collect() == 0);
  for (int i = 0; i < 3; ++i) CHECK(kq.apply(set(7, 0, NOTE_TRIGGER)) == 0);
  REQUIRE(kq.collect() == 1);
  CHECK(kq.got[0].filter == EVFILT_USER);
  CHECK(kq.got[0].ident == 7);
  CHECK(kq.collect() == 0);

  std::thread other([&] {
    Event trigger;
    EV_SET(&trigger, 7, EVFILT_USER, 0, NOTE_TRIGGER, 0, nullptr);
    ::kevent(kq.queue.get(), &trigger, 1, nullptr, 0, nullptr);
  });
  CHECK(::kevent(kq.queue.get(), nullptr, 0, kq.got, 8, nullptr) == 1);
  other.join();

  CHECK(kq.apply(set(7, EV_DISABLE, 0)) == 0);
  CHECK(kq.apply(set(7, 0, NOTE_TRIGGER)) == 0);
  CHECK(kq.collect() == 0);
  CHECK(kq.apply(set(7, EV_ENABLE, 0)) == 0);
  CHECK(kq.collect() == 1);
  CHECK(kq.apply(set(7, EV_DELETE, 0)) == 0);

  CHECK(kq.apply(set(8, EV_ADD, NOTE_TRIGGER)) == 0);
  for (int i = 0; i < 3; ++i) CHECK(kq.collect() == 1);
  CHECK(kq.apply(set(8, EV_DELETE, 0)) == 0);
  CHECK(kq.collect() == 0);
}

TEST_CASE("kqueue: timers count their expirations, in the unit asked for, and not before time") {
  Kqueue kq;
  Event timer;
  EV_SET(&timer, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 3, nullptr);
  const auto start = std::chrono::steady_clock::now();
  CHECK(kq.apply(timer) == 0);
  REQUIRE(::kevent(kq.queue.get(), nullptr, 0, kq.got, 8, nullptr) == 1);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(3));
  CHECK(kq.got[0].filter == EVFILT_TIMER);
  CHECK(kq.got[0].data == 1);
  CHECK(kq.apply(timer) == 0);  // it was gone
  EV_SET(&timer, 1, EVFILT_TIMER, EV_DELETE, 0, 0, nullptr);
  CHECK(kq.apply(timer) == 0);
  CHECK(kq.apply(timer) == ENOENT);

  for (unsigned unit : {NOTE_USECONDS, NOTE_NSECONDS}) {
    EV_SET(&timer, 2, EVFILT_TIMER, EV_ADD, unit, unit == NOTE_USECONDS ? 500 : 500'000, nullptr);
    CHECK(kq.apply(timer) == 0);
    std::int64_t expirations = 0;
    while (expirations < 4) {
      REQUIRE(::kevent(kq.queue.get(), nullptr, 0, kq.got, 8, nullptr) == 1);
      expirations += kq.got[0].data;
    }
  }
  EV_SET(&timer, 2, EVFILT_TIMER, EV_DISABLE, 0, 0, nullptr);
  CHECK(kq.apply(timer) == 0);
  CHECK(kq.collect(soon) == 0);
}

TEST_CASE("kqueue: it waits as long as it was told, and a signal ends that") {
  Kqueue kq;
  const auto start = std::chrono::steady_clock::now();
  CHECK(kq.collect(soon) == 0);
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(5));
  CHECK(::kevent(kq.queue.get(), nullptr, 0, nullptr, 0, nullptr) == 0);  // no room: nothing to wait for
  for (const timespec& bad : {timespec{-1, 0}, timespec{0, -1}, timespec{0, 1'000'000'000}}) {
    CHECK(kq.collect(bad) == -1);
    CHECK(errno == EINVAL);
  }

  struct sigaction action = {}, before;
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;  // which is no help here
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> over{false};
  const pthread_t sleeper = ::pthread_self();
  std::thread sender([&] {
    while (!over.load()) {
      ::pthread_kill(sleeper, SIGUSR1);
      std::this_thread::yield();
    }
  });
  CHECK(kq.collect({20, 0}) == -1);
  CHECK(errno == EINTR);
  over = true;
  sender.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("kqueue: what had no room is told by the next call, and neither side starves the other") {
  Kqueue kq;
  std::vector<FdPair> pairs;
  for (int i = 0; i < 6; ++i) {
    pairs.push_back(socket_pair());
    CHECK(kq.apply(pairs.back().second, EVFILT_READ, EV_ADD | (i % 2 ? EV_CLEAR : 0)) == 0);
    put(pairs.back().first, "x");
  }
  CHECK(kq.apply(pairs[0].first, EVFILT_WRITE, EV_ADD) == 0);
  std::vector<std::pair<std::uintptr_t, short>> seen;
  for (int i = 0; i < 20; ++i) {
    REQUIRE(kq.collect(at_once, 2) == 2);
    for (int k : {0, 1}) seen.emplace_back(kq.got[k].ident, kq.got[k].filter);
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  CHECK(seen.size() == 7);
}

TEST_CASE("kqueue: a queue that is closed or another process's is no queue") {
  Fd number;
  {
    Kqueue kq;
    number = Fd(kq.queue.get());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(kq.collect() == -1 && errno == EBADF ? 0 : 1);
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(kq.collect() == 0);
    number.release();
  }
  Event got;
  CHECK(::kevent(-1, nullptr, 0, &got, 1, &at_once) == -1);
  CHECK(errno == EBADF);
}
