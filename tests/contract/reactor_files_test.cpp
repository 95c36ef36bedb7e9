// Contract item 9: files and paths. They finish somewhere else, in whichever form the backend has, and their
// caller may walk away at any moment without leaving a descriptor or a byte behind.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "reactor_pool.hpp"

using namespace tau;
using namespace tau::test;

namespace {

/// A folder that goes with everything in it.
struct Folder {
  std::string path;
  Fd fd;
  Folder() {
    char name[] = "/tmp/tau_reactor_XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
    fd = Fd(::open(name, O_DIRECTORY | O_CLOEXEC | O_PATH));
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

/// A path as an operation wants it.
void* text(const char* path) { return const_cast<char*>(path); }

int descriptors_open() {
  int count = 0;
  for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

struct FileRig : PoolRig {
  Folder folder;

  std::int64_t path_op(std::uint32_t code, const char* path, std::uint32_t flags = 0, std::uint64_t length = 0,
                       const char* other = nullptr) {
    Op op(code, folder.fd.get(), text(path), length);
    op.flags = flags;
    op.other = const_cast<char*>(other);
    op.other_fd = folder.fd.get();
    return run(op);
  }
  Fd open(const char* path, int flags, mode_t mode = 0600) {
    return Fd(static_cast<int>(path_op(TAU_IO_OPENAT, path, static_cast<std::uint32_t>(flags | O_CLOEXEC), mode)));
  }
};

}  // namespace

TEST_CASE_FIXTURE(FileRig, "a file is made, written, synced, read back at an offset and closed") {
  Fd file = open("file", O_RDWR | O_CREAT, 0640);
  REQUIRE(file.get() >= 0);
  CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
  char words[] = "0123456789";
  Op write(TAU_IO_WRITE, file.get(), words, 10);
  write.offset = 0;
  CHECK(run(write) == 10);
  Op sync(TAU_IO_FSYNC, file.get()), data(TAU_IO_FSYNC, file.get());
  data.flags = TAU_IO_DATASYNC;
  CHECK(run(sync) == 0);
  CHECK(run(data) == 0);
  char back[4] = {};
  Op read(TAU_IO_READ, file.get(), back, 3);
  read.offset = 4;
  CHECK(run(read) == 3);
  CHECK(std::string(back) == "456");
  Op end(TAU_IO_READ, file.get(), back, 3);
  end.offset = 10;
  CHECK(run(end) == 0);

  Op close(TAU_IO_CLOSE, file.release());
  CHECK(run(close) == 0);
  CHECK(::fcntl(close.fd, F_GETFD) < 0);
  CHECK(run(close) == -EBADF);
}

TEST_CASE_FIXTURE(FileRig, "at a file's own position one read goes on where the last one ended") {
  Fd file = open("file", O_RDWR | O_CREAT);
  char words[] = "abcdef", back[4] = {};
  Op write(TAU_IO_WRITE, file.get(), words, 6);
  CHECK(run(write) == 6);
  ::lseek(file.get(), 0, SEEK_SET);
  for (const char* expected : {"abc", "def"}) {
    Op read(TAU_IO_READ, file.get(), back, 3);
    CHECK(run(read) == 3);
    CHECK(std::string(back) == expected);
  }
}

TEST_CASE_FIXTURE(FileRig, "paths are made, linked, renamed, looked at and removed") {
  CHECK(path_op(TAU_IO_MKDIRAT, "sub", 0, 0700) == 0);
  CHECK(path_op(TAU_IO_MKDIRAT, "sub", 0, 0700) == -EEXIST);
  { Fd file = open("sub/one", O_WRONLY | O_CREAT | O_EXCL, 0640); }
  CHECK(path_op(TAU_IO_LINKAT, "sub/one", 0, 0, "two") == 0);
  CHECK(path_op(TAU_IO_RENAMEAT, "two", 0, 0, "three") == 0);
  CHECK(path_op(TAU_IO_RENAMEAT, "two", 0, 0, "three") == -ENOENT);
  CHECK(path_op(TAU_IO_RENAMEAT, "three", RENAME_NOREPLACE, 0, "sub/one") == -EEXIST);
  CHECK(path_op(TAU_IO_SYMLINKAT, "three", 0, 0, "link") == 0);

  struct statx status = {};
  Op look(TAU_IO_STATX, folder.fd.get(), text("link"), STATX_BASIC_STATS);
  look.other = &status;
  CHECK(run(look) == 0);
  CHECK(S_ISREG(status.stx_mode));
  CHECK(status.stx_nlink == 2);
  look.flags = AT_SYMLINK_NOFOLLOW;
  CHECK(run(look) == 0);
  CHECK(S_ISLNK(status.stx_mode));

  CHECK(path_op(TAU_IO_UNLINKAT, "sub/one") == 0);
  CHECK(path_op(TAU_IO_UNLINKAT, "sub") == -EISDIR);
  CHECK(path_op(TAU_IO_UNLINKAT, "sub", AT_REMOVEDIR) == 0);
  CHECK(path_op(TAU_IO_STATX, "sub") < 0);
  CHECK(path_op(TAU_IO_OPENAT, "sub", O_RDONLY) == -ENOENT);
}

TEST_CASE_FIXTURE(FileRig, "arguments that can never work are told and touch nothing") {
  CHECK(path_op(TAU_IO_OPENAT, nullptr) == -EFAULT);
  CHECK(path_op(TAU_IO_RENAMEAT, "one", 0, 0, nullptr) == -EFAULT);
  for (std::uint32_t code : {TAU_IO_CLOSE, TAU_IO_FSYNC, TAU_IO_OPENAT, TAU_IO_MKDIRAT}) {
    Op op(code, 0x7ffffff, text("relative"));
    CHECK_MESSAGE(run(op) == -EBADF, code);
  }
  auto [out, in] = pipe_pair();
  Op sync(TAU_IO_FSYNC, out.get());
  CHECK(run(sync) == -EINVAL);
}

TEST_CASE_FIXTURE(FileRig, "a large file is written and read whole, in as many pieces as it takes") {
  constexpr std::size_t size = 5 << 20;
  Fd file = open("large", O_RDWR | O_CREAT);
  std::string content(size, 0), back(size, 1);
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 >> 8);
  for (std::uint32_t code : {TAU_IO_WRITE, TAU_IO_READ}) {
    std::string& memory = code == TAU_IO_WRITE ? content : back;
    for (std::size_t moved = 0; moved < size;) {
      Op op(code, file.get(), memory.data() + moved, size - moved);
      op.offset = static_cast<std::int64_t>(moved);
      REQUIRE(run(op) > 0);
      moved += static_cast<std::size_t>(op.result);
    }
    ::fsync(file.get());
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  CHECK(content == back);
}

TEST_CASE_FIXTURE(FileRig, "operations canceled at any moment leave no descriptor, no byte and no call behind") {
  Fd file = open("file", O_RDWR | O_CREAT);
  put(file, std::string(1 << 16, 'x'));
  ::fsync(file.get());
  const int before = descriptors_open();
  for (int round = 0; round < 200; ++round) {
    ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
    auto back = std::make_unique<char[]>(1 << 16);
    auto path = std::make_unique<std::string>("file");
    struct statx status;
    Op read(TAU_IO_READ, file.get(), back.get(), 1 << 16), open(TAU_IO_OPENAT, folder.fd.get(), path->data());
    Op look(TAU_IO_STATX, folder.fd.get(), path->data(), STATX_SIZE), sync(TAU_IO_FSYNC, file.get());
    read.offset = 0;
    open.flags = O_RDONLY | O_CLOEXEC;
    look.other = &status;
    Op* const all[] = {&read, &open, &look, &sync};
    for (Op* op : all) {
      if (reactor->submit(op)) op->finished = 1;
    }
    // Not begun, under way, over, over and told: whatever comes of this many polls.
    for (int i = round % 4; i > 0; --i) reactor->poll(round % 3 == 0 ? 50'000 : 0);
    for (Op* op : all) {
      const bool told = op->finished != 0;
      CHECK(reactor->cancel(op) == !told);
      CHECK_FALSE(reactor->cancel(op));
      if (told && op == &open && op->result >= 0) ::close(static_cast<int>(op->result));
      op->then = [](Op&) { FAIL_CHECK("called after it was canceled"); };
    }
    std::fill_n(back.get(), 1 << 16, 'y');
    CHECK(std::count(back.get(), back.get() + (1 << 16), 'y') == 1 << 16);
    back.reset();
    path.reset();
  }
  CHECK(reactor->pending() == 0);
  finish_jobs();
  CHECK(until([&] { return descriptors_open() == before; }));
}

TEST_CASE_FIXTURE(FileRig, "a close that is canceled closes all the same") {
  Fd file = open("file", O_RDWR | O_CREAT);
  const int number = file.release();
  Op close(TAU_IO_CLOSE, number);
  if (!reactor->submit(&close)) CHECK(reactor->cancel(&close));
  finish_jobs();
  CHECK(until([&] { return ::fcntl(number, F_GETFD) < 0; }));
  CHECK(close.finished == 0);
}

TEST_CASE_FIXTURE(FileRig, "closing a descriptor ends what waits for it and lets its peer know") {
  auto [a, b] = socket_pair(SOCK_NONBLOCK);
  char byte;
  Op receive(TAU_IO_RECV, b.get(), &byte, 1);
  const tau_fd handle = registered(b.get());
  FdWait wait(TAU_IN);
  CHECK_FALSE(reactor->submit(&receive));
  CHECK(reactor->wait_ready(handle, &wait) == TAU_PENDING);
  reactor->poll(0);
  Op close(TAU_IO_CLOSE, b.release());
  CHECK(run(close) == 0);
  CHECK(::recv(a.get(), &byte, 1, 0) == 0);
  CHECK(until([&] { return receive.finished == 1 && wait.finished == 1; }));
  CHECK(receive.result == TAU_E_CLOSED);
  CHECK(wait.result == TAU_E_CLOSED);
  CHECK(reactor->remove(handle) == 0);
}

TEST_CASE_FIXTURE(FileRig, "an owner's file operations are withdrawn, and nobody else's") {
  Op mine(TAU_IO_OPENAT, folder.fd.get(), text("mine")), other(TAU_IO_OPENAT, folder.fd.get(), text("other"), 0600);
  mine.owner = owner(1);
  other.owner = owner(2);
  other.flags = O_CREAT | O_WRONLY | O_CLOEXEC;
  CHECK_FALSE(reactor->submit(&mine));
  CHECK_FALSE(reactor->submit(&other));
  CHECK(reactor->withdraw_owner(owner(1)) == 1);
  CHECK(until([&] { return other.finished == 1; }));
  CHECK(mine.finished == 0);
  REQUIRE(other.result >= 0);
  ::close(static_cast<int>(other.result));
  finish_jobs();
}
