#include <sys/stat.h>
#include <tau/io/read.hpp>
#include <tau/io/write.hpp>

#include <span>

#include "rig.hpp"

using namespace std::chrono_literals;
using tau::fs::File;
using tau::fs::OpenOptions;
using tau::fs::SeekFrom;
using tau::test::errno_of;
using tau::test::Files;

static_assert(tau::io::Reader<File> && tau::io::Writer<File>);

TEST_CASE_FIXTURE(Files, "what is written is read, at positions that each file keeps for itself") {
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::create(in("a"));
    REQUIRE(file);
    for (std::string word : {"one ", "two ", "three"}) {
      auto written = co_await tau::io::write_all(*file, word);
      REQUIRE(written);
    }
    auto no_read = co_await file->seek(SeekFrom::start(0));
    REQUIRE(no_read);
    char small[4];
    auto refused = co_await file->read(small);
    CHECK(refused.error() == errno_of(EBADF));
    auto synced = co_await file->sync_all();
    CHECK(synced);
    auto closed = co_await file->close();
    CHECK(closed);

    auto again = co_await File::open(in("a"));
    REQUIRE(again);
    auto first = co_await tau::io::read_exact(*again, small);
    REQUIRE(first);
    CHECK(std::string(small, 4) == "one ");
    auto clone = again->try_clone();
    REQUIRE(clone);
    std::string rest, other;
    auto length = co_await tau::io::read_to_string(*again, rest);
    REQUIRE(length);
    CHECK(rest == "two three");
    auto more = co_await tau::io::read_to_string(*clone, other);
    REQUIRE(more);
    CHECK(other == "two three");
    auto end = co_await again->read(small);
    REQUIRE(end);
    CHECK(*end == 0);
  };
  run(work());
  CHECK(get("a") == "one two three");
}

TEST_CASE_FIXTURE(Files, "read_at and write_at leave the position alone") {
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::options().read().write().create().open(in("a"));
    REQUIRE(file);
    auto written = co_await file->write_at("hello world", 0);
    REQUIRE(written);
    CHECK(*written == 11);
    auto over = co_await file->write_at("W", 6);
    REQUIRE(over);
    char word[5];
    auto read = co_await file->read_at(word, 6);
    REQUIRE(read);
    CHECK(std::string(word, 5) == "World");
    auto here = co_await file->seek(SeekFrom::current(0));
    REQUIRE(here);
    CHECK(*here == 0);
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "seeking reaches every place that there is and no other") {
  put("a", "0123456789");
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::open(in("a"));
    REQUIRE(file);
    auto end = co_await file->seek(SeekFrom::end(-3));
    REQUIRE(end);
    CHECK(*end == 7);
    char digit[1];
    auto read = co_await file->read(digit);
    REQUIRE(read);
    CHECK(digit[0] == '7');
    auto back = co_await file->seek(SeekFrom::current(-2));
    REQUIRE(back);
    CHECK(*back == 6);
    auto before = co_await file->seek(SeekFrom::current(-7));
    CHECK(before.error() == errno_of(EINVAL));
    auto far = co_await file->seek(SeekFrom::start(1000));
    REQUIRE(far);
    auto nothing = co_await file->read(digit);
    REQUIRE(nothing);
    CHECK(*nothing == 0);
    CHECK(::lseek(file->fd(), 0, SEEK_CUR) == 1000);
    const int fd = std::move(*file).into_raw_fd();
    CHECK(::lseek(fd, 0, SEEK_CUR) == 1000);
    ::lseek(fd, 2, SEEK_SET);
    File taken = File::from_raw_fd(fd);
    auto two = co_await taken.read(digit);
    REQUIRE(two);
    CHECK(digit[0] == '2');
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "who appends writes at the end, wherever that is by then") {
  put("a", "begun ");
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::options().read().append().open(in("a"));
    REQUIRE(file);
    auto first = co_await tau::io::write_all(*file, "one ");
    REQUIRE(first);
    std::ofstream(in("a"), std::ios::app) << "between ";
    auto second = co_await tau::io::write_all(*file, "two");
    REQUIRE(second);
    auto here = co_await file->seek(SeekFrom::current(0));
    REQUIRE(here);
    CHECK(*here == 21);
    auto start = co_await file->seek(SeekFrom::start(0));
    REQUIRE(start);
    std::string all;
    auto length = co_await tau::io::read_to_string(*file, all);
    REQUIRE(length);
    CHECK(all == "begun one between two");
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "options decide what may be there and what happens to it") {
  put("old", "contents");
  auto work = [&]() -> tau::Task<> {
    auto none = co_await File::open(in("none"));
    CHECK(none.error() == errno_of(ENOENT));
    auto exists = co_await File::options().write().create_new().open(in("old"));
    CHECK(exists.error() == errno_of(EEXIST));
    auto fresh = co_await File::options().write().create_new().mode(0600).open(in("fresh"));
    REQUIRE(fresh);
    auto status = co_await fresh->metadata();
    REQUIRE(status);
    CHECK(status->permissions().mode() == 0600);
    auto cut = co_await File::options().write().truncate().open(in("old"));
    REQUIRE(cut);
    auto size = co_await cut->metadata();
    REQUIRE(size);
    CHECK(size->len() == 0);
    auto nothing = co_await OpenOptions().open(in("old"));
    CHECK(nothing.error() == errno_of(EINVAL));
    auto reads = co_await OpenOptions().read().truncate().open(in("old"));
    CHECK(reads.error() == errno_of(EINVAL));
    auto link = co_await OpenOptions().read().custom_flags(O_DIRECTORY).open(in("old"));
    CHECK(link.error() == errno_of(ENOTDIR));
    auto zero = co_await File::open(std::string("a\0b", 3));
    CHECK(zero.error() == tau::Errc::invalid);
    auto kept = OpenOptions().read().open(in("fresh"));  // the options are gone before it begins
    auto opened = co_await std::move(kept);
    REQUIRE(opened);
    CHECK((fcntl(opened->fd(), F_GETFD) & FD_CLOEXEC) != 0);
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "length, permissions and what the system knows") {
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::create(in("a"));
    REQUIRE(file);
    auto grown = co_await file->set_len(12345);
    CHECK(grown);
    auto changed = co_await file->set_permissions(tau::fs::Permissions::from_mode(0640));
    CHECK(changed);
    auto synced = co_await file->sync_data();
    CHECK(synced);
    auto status = co_await file->metadata();
    REQUIRE(status);
    CHECK(status->len() == 12345);
    CHECK(status->is_file());
    CHECK(status->permissions().mode() == 0640);
    CHECK(status->uid() == geteuid());
    CHECK(status->nlink() == 1);
    const auto age = std::chrono::system_clock::now() - status->modified();
    CHECK(age < 1h);
    CHECK(age > -1h);
    struct stat plain {};
    REQUIRE(::fstat(file->fd(), &plain) == 0);
    CHECK(status->ino() == plain.st_ino);
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "what cannot be sought in is read where it is") {
  REQUIRE(mkfifo(in("fifo").c_str(), 0600) == 0);
  auto work = [&]() -> tau::Task<> {
    auto file = co_await File::options().read().write().open(in("fifo"));
    REQUIRE(file);
    auto written = co_await tau::io::write_all(*file, "through");
    REQUIRE(written);
    char word[7];
    auto read = co_await tau::io::read_exact(*file, word);
    REQUIRE(read);
    CHECK(std::string(word, 7) == "through");
    auto sought = co_await file->seek(SeekFrom::start(0));
    CHECK(sought.error() == errno_of(ESPIPE));
  };
  run(work());
}

TEST_CASE_FIXTURE(Files, "many tasks read one file at places of their own") {
  std::string all(1 << 20, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 31 >> 3);
  put("a", all);
  int right = 0;
  auto file = run(File::open(in("a")));
  REQUIRE(file);
  auto read = [&](std::size_t offset) -> tau::Task<> {
    std::string piece(4096, '\0');
    auto count = co_await file->read_at(piece, offset);
    if (count && piece.substr(0, *count) == all.substr(offset, *count)) ++right;
  };
  for (std::size_t i = 0; i < 200; ++i) tau::spawn(read(i * 5000)).detach();
  run_until([&] { return plugin.live_tasks == 0; });
  CHECK(right == 200);
}
