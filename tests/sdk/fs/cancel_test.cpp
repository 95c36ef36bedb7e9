// Cancelling at every moment: nobody writes into memory that is gone, no descriptor stays, and the other plugin
// does not notice.
#include <tau/io/read.hpp>

#include <latch>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::fs::File;
using tau::test::Files;
namespace fs = tau::fs;

namespace {

/// Keeps every thread of the pool busy, so that what is offloaded stays in the queue.
struct BusyPool {
  BusyPool() : started(4), release(1) {
    for (int i = 0; i < 4; ++i) {
      tau::spawn_blocking([this] {
        started.count_down();
        release.wait();
      }).detach();
    }
  }
  std::latch started, release;
};

}  // namespace

TEST_CASE_FIXTURE(Files, "a cancelled open closes what it opened, begun or not") {
  put("a", "x");
  for (int i = 0; i < 200; ++i) {
    auto work = [&]() -> tau::Task<> {
      auto file = co_await File::options().read().write().create().open(in(i % 2 ? "a" : "new"));
      CHECK(file.has_value());
      co_await tau::sleep(1000s);
    };
    auto handle = tau::spawn(work);
    for (int turns = i % 5; turns > 0; --turns) runtime.turn(false);
    if (i % 7 == 0) usleep(100);
    handle.abort();
    settle();
  }
  run_until([&] { return plugin.jobs.load() == 0 && plugin.ios == 0; });
  await_withdrawn();
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(Files, "a read that is cancelled touches neither its memory nor the position") {
  put("a", std::string(1 << 20, 'a'));
  auto file = run(File::open(in("a")));
  REQUIRE(file);
  ::posix_fadvise(file->fd(), 0, 0, POSIX_FADV_DONTNEED);
  for (int i = 0; i < 100; ++i) {
    auto memory = std::make_unique<std::string>(1 << 20, 'z');
    auto work = [&]() -> tau::Task<> { (void)co_await file->read(*memory); };
    auto handle = tau::spawn(work);
    for (int turns = i % 3; turns > 0; --turns) runtime.turn(false);
    const bool ended = handle.is_finished();
    handle.abort();
    settle();
    if (!ended) {
      std::fill(memory->begin(), memory->end(), 'y');
      usleep(50);
      settle();
      CHECK(memory->find('a') == memory->npos);
      auto here = run(file->seek(fs::SeekFrom::current(0)));
      REQUIRE(here);
      CHECK(*here == 0);
    }
    auto start = run(file->seek(fs::SeekFrom::start(0)));
    CHECK(start.has_value());
  }
  run_until([&] { return plugin.jobs.load() == 0 && plugin.ios == 0; });
}

TEST_CASE_FIXTURE(Files, "a cancelled atomic write leaves the old contents or the new, and nothing beside") {
  const std::string fresh(4 << 20, 'n');
  for (int i = 0; i < 30; ++i) {
    put("a", "old");
    auto handle = tau::spawn(fs::write_atomic(in("a"), fresh));
    runtime.turn(false);
    usleep(static_cast<useconds_t>(i * 150));
    handle.abort();
    settle();
    run_until([&] { return plugin.jobs.load() == 0; });
    const std::string now = get("a");
    CHECK((now == "old" || now == fresh));
    CHECK(entries() == 1);
  }
}

TEST_CASE_FIXTURE(Files, "cancelling a copy or a removal stops it soon") {
  put("a", std::string(64 << 20, 'a'));
  auto handle = tau::spawn(fs::copy(in("a"), in("b")));
  runtime.turn(false);
  handle.abort();
  settle();
  run_until([&] { return plugin.jobs.load() == 0; });
  std::filesystem::create_directories(in("tree"));
  for (int i = 0; i < 3000; ++i) put("tree/" + std::to_string(i), "");
  auto removed = tau::spawn(fs::remove_dir_all(in("tree")));
  runtime.turn(false);
  removed.abort();
  settle();
  run_until([&] { return plugin.jobs.load() == 0; });
  CHECK(there("tree"));  // the folder itself comes last
}

TEST_CASE_FIXTURE(Files, "a close that nobody awaits, or that is cancelled, closes all the same") {
  auto file = run(File::create(in("a")));
  REQUIRE(file);
  const int fd = file->fd();
  { (void)file->close(); }
  CHECK(fcntl(fd, F_GETFD) < 0);
  for (int i = 0; i < 20; ++i) {
    auto other = run(File::create(in("a")));
    REQUIRE(other);
    auto work = [&]() -> tau::Task<> { (void)co_await other->close(); };
    auto handle = tau::spawn(work);
    if (i % 2) runtime.turn(false);
    handle.abort();
    settle();
    { File gone = std::move(*other); }
  }
  run_until([&] { return plugin.jobs.load() == 0; });
  settle();
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(Files, "an unload ends file operations that are queued and those that run, others go on") {
  put("a", std::string(32 << 20, 'a'));
  for (int i = 0; i < 100; ++i) put("entry" + std::to_string(i), "");
  BusyPool busy;
  settle();
  busy.started.wait();
  auto everything = [&]() -> tau::Task<> {
    auto opened = co_await File::open(in("a"));
    if (opened) {
      std::string memory(1 << 16, 'x');
      while (true) {
        auto got = co_await opened->read(memory);
        if (!got || *got == 0) break;
      }
    }
    auto copied = co_await fs::copy(in("a"), in("copy"));
    auto written = co_await fs::write_atomic(in("atomic"), "x");
    auto dir = co_await fs::read_dir(folder);
    while (dir) {
      auto entry = co_await dir->next_entry();
      if (!entry || !*entry) break;
    }
    (void)copied, (void)written;
  };
  auto mine = tau::spawn(fs::read_to_string(in("entry1")));
  settle();
  as_other([&] {
    for (int i = 0; i < 30; ++i) tau::spawn(everything).detach();
    settle();
  });
  other.phase = tau::host::Phase::unloading;
  busy.release.count_down();
  run_until([&] { return plugin.jobs.load() == 0; });
  unload_other();
  check_empty(other);
  run_until([&] { return mine.is_finished(); });
  CHECK((*mine.try_join()).value().has_value());
}

TEST_CASE_FIXTURE(Files, "a plugin is unloaded in the middle of everything at once") {
  put("a", std::string(8 << 20, 'a'));
  auto loop = [&](int number) -> tau::Task<> {
    const std::string name = in("f" + std::to_string(number));
    for (;;) {
      auto copied = co_await fs::copy(in("a"), name);
      auto text = co_await fs::read_to_string(name);
      auto written = co_await fs::write_atomic(name, "x");
      auto removed = co_await fs::remove_file(name);
      (void)copied, (void)text, (void)written, (void)removed;
    }
  };
  as_other([&] {
    for (int i = 0; i < 8; ++i) tau::spawn(loop(i)).detach();
    const auto until = std::chrono::steady_clock::now() + 30ms;
    run_until([&] { return std::chrono::steady_clock::now() > until; });
  });
  unload_other();
  check_empty(other);
  CHECK(get("a").size() == 8 << 20);
}
