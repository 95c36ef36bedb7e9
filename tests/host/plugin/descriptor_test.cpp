// What the loader refuses before dlopen: each defect in a module really built with it, or patched into
// a copy of a good one. The file may lie in any way; the reader may only say no.
#include <doctest/doctest.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <plugin/abi_text.hpp>
#include <plugin/descriptor.hpp>
#include <tau/rt/abi.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

using namespace tau::host;

namespace {

std::string fixture(const std::string& name) { return std::string(TAU_FIXTURE_MODULES) + "/" + name + ".so"; }

std::string judge(const std::string& path, const std::string& flags = {}) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  std::string why = check_module(fd, "x", host_abi_text(flags));
  close(fd);
  return why;
}

std::vector<char> bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A file in memory that can be cut and patched without a trace.
class Patched {
 public:
  explicit Patched(const std::vector<char>& bytes) : fd_(memfd_create("module", MFD_CLOEXEC)) {
    REQUIRE(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~Patched() { close(fd_); }
  void cut(std::size_t size) { REQUIRE(ftruncate(fd_, static_cast<off_t>(size)) == 0); }
  void put(std::size_t at, const void* data, std::size_t size) {
    REQUIRE(pwrite(fd_, data, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size));
  }
  std::string judge() { return check_module(fd_, "x", host_abi_text("")); }

 private:
  int fd_;
};

bool has(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

template <class Change>
std::string judge_with_segment(ElfW(Word) type, Change change) {
  auto bytes = bytes_of(fixture("hello"));
  ElfW(Ehdr) header;
  std::memcpy(&header, bytes.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    char* at = bytes.data() + header.e_phoff + i * sizeof segment;
    std::memcpy(&segment, at, sizeof segment);
    if (segment.p_type != type) continue;
    change(segment);
    std::memcpy(at, &segment, sizeof segment);
  }
  return Patched(bytes).judge();
}

}  // namespace

TEST_CASE("good modules, in C++ and in C, pass") {
  CHECK(judge(fixture("hello")) == "");
  CHECK(judge(fixture("busy")) == "");
  CHECK(judge(fixture("plain_c")) == "");
}

TEST_CASE("a module that could not be unloaded is refused, with the reason and the remedy") {
  CHECK(has(judge(fixture("nodelete")), "module 'x' is marked NODELETE"));
  CHECK(has(judge(fixture("nodelete")), "without -z nodelete"));
  CHECK(has(judge(fixture("static_tls")), "uses static thread-local storage"));
  CHECK(has(judge(fixture("text_relocation")), "has text relocations"));
  CHECK(has(judge(fixture("stack")), "executable stack; link it with -z noexecstack"));
  CHECK(has(judge(fixture("libc_thread_exit")), "asks libc for '__cxa_thread_atexit'"));
  CHECK(has(judge(fixture("shows_more")), "'surplus'"));
  CHECK(has(judge(fixture("no_destroy")), "has no entry point 'plugin_destroy'"));
  CHECK(has(judge(fixture("runpath")), "search path of its own ('/nowhere')"));
  CHECK(has(judge(fixture("needs_libtau")), "needs libtau.so"));
  CHECK(has(judge(fixture("own_loop")), "an event loop of its own on libc's 'epoll_c"));
  CHECK(has(judge(fixture("own_loop")), "dependency('tau-seam')"));
  CHECK(has(judge(fixture("own_ring")), "an io_uring of its own ('io_uring_queue_init')"));
  CHECK(judge(fixture("own_loop_seam")) == "");
#ifndef __clang__
  CHECK(has(judge(fixture("unique")), "_ZN7Counter5valueE' as STB_GNU_UNIQUE"));
#endif
}

TEST_CASE("another ABI is refused: which field differs, both values, what to do") {
  CHECK(has(judge(fixture("no_note")), "has no tau ABI note"));
  CHECK(has(judge(fixture("note_rtti")), "rtti is '0' in the module and '1' in the host"));
  CHECK(has(judge(fixture("note_rtti")), "rebuild it with this host: tau --plugin DIR"));
  CHECK(has(judge(fixture("note_ndebug")), "ndebug is '1' in the module and '0' in the host"));
  CHECK(has(judge(fixture("note_enums")), "layout (sizes and alignments of types) is '"));
  CHECK(has(judge(fixture("note_flags")), "flags (hash of the compiler's command line) is 'abc123' in the module and not said"));
  CHECK(has(judge(fixture("hello"), "abc123"), "is not said in the module and 'abc123' in the host"));
  CHECK(judge(fixture("note_flags"), "abc123") == "");
}

TEST_CASE("a note's text is compared field by field, and a hostile one cannot speak to the terminal") {
  CHECK(abi_difference("lang=c++\na=1\n~b=2\n", "lang=c++\na=1\n~b=3\n") == "");
  const std::string same_abi = "lang=c\nabi=" + std::to_string(TAU_ABI_VERSION) + "\nasan=0\ntsan=0\nchar=signed";
  CHECK(abi_difference(same_abi, host_abi_text("f")).find("abi") == std::string::npos);
  CHECK(has(abi_difference("lang=c\nasan=0\ntsan=0\nchar=signed\n", host_abi_text("")), "abi is not said in the module"));
  CHECK(has(abi_difference("", host_abi_text("")), "lang is not said in the module"));
  CHECK(has(abi_difference("lang=c++\x1b[2J\n", "lang=c++\n"), "lang is 'c++?[2J' in the module"));
  CHECK(has(abi_difference("lang=c++\nnew=1\n", "lang=c++\n"), "new is '1' in the module and not said in the host"));
}

TEST_CASE("what is no module at all is told apart") {
  CHECK(has(Patched({}).judge(), "is empty"));
  CHECK(has(Patched({'h', 'e', 'l', 'l', 'o'}).judge(), "is not an ELF file"));
  CHECK(has(judge("/proc/self/exe"), "is a program, not a shared object"));
  CHECK(has(judge("/"), "is not a regular file"));
  const auto hello = bytes_of(fixture("hello"));
  SUBCASE("other machine") {
    Patched file(hello);
    const std::uint16_t machine = EM_S390;
    file.put(offsetof(ElfW(Ehdr), e_machine), &machine, 2);
    CHECK(has(file.judge(), "is for s390, this host runs on "));
  }
  SUBCASE("other class") {
    Patched file(hello);
    const char other = hello[EI_CLASS] == ELFCLASS64 ? ELFCLASS32 : ELFCLASS64;
    file.put(EI_CLASS, &other, 1);
    CHECK(has(file.judge(), other == ELFCLASS32 ? "is 32-bit, this host is 64-bit" : "is 64-bit, this host is 32-bit"));
  }
  SUBCASE("object file") {
    Patched file(hello);
    const std::uint16_t type = ET_REL;
    file.put(offsetof(ElfW(Ehdr), e_type), &type, 2);
    CHECK(has(file.judge(), "is an object file"));
  }
}

TEST_CASE("segments that are writable and executable, and a stack of unknown rights, are refused") {
  CHECK(has(judge_with_segment(PT_LOAD, [](auto& s) { s.p_flags |= PF_W | PF_X; }), "both writable and executable"));
  CHECK(has(judge_with_segment(PT_GNU_STACK, [](auto& s) { s.p_type = PT_NULL; }), "executable stack"));
}

TEST_CASE("a module cut off at any length is refused") {
  auto bytes = bytes_of(fixture("hello"));
  // Debug information is most of the file and all alike: cut at each byte of the parts that are read
  // and of both ends, and at every 61st byte between.
  Patched file(bytes);
  std::size_t accepted = 0;
  for (std::size_t size = bytes.size(); size-- > 0;) {
    if (size > 20'000 && size + 5'000 < bytes.size() && size % 61 != 0) continue;
    file.cut(size);
    if (file.judge().empty()) ++accepted;
  }
  CHECK(accepted == 0);
}

TEST_CASE("a module with damaged bytes is judged, never followed") {
  const char* given = std::getenv("TAU_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  INFO("TAU_SEED=" << seed);
  std::mt19937 random(seed);
  const auto good = bytes_of(fixture("hello"));
  ElfW(Ehdr) header;
  std::memcpy(&header, good.data(), sizeof header);
  const std::size_t interesting = std::min<std::size_t>(good.size(), 12'000);
  for (int round = 0; round < 4'000; ++round) {
    Patched file(good);
    for (int i = 0; i < 4; ++i) {
      // Mostly headers, where offsets and counts are.
      const std::size_t end = random() % 2 == 0 ? sizeof header + header.e_phnum * sizeof(ElfW(Phdr)) : interesting;
      const std::uint64_t values[] = {0, 1, 0xff, 0x7fffffff, 0xffffffffffffffffu, random(), good.size(), good.size() - 1};
      const std::size_t width = std::size_t{1} << random() % 4;
      file.put(random() % (end - 8), &values[random() % 8], width);
    }
    file.judge();  // returns: that is the test, under the sanitizers above all
  }
  CHECK(Patched(good).judge() == "");
}

TEST_CASE("each field of the dynamic section may point anywhere") {
  const auto good = bytes_of(fixture("hello"));
  ElfW(Ehdr) header;
  std::memcpy(&header, good.data(), sizeof header);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    std::memcpy(&segment, good.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::size_t at = segment.p_offset; at < segment.p_offset + segment.p_filesz; at += 8) {
      for (const std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0} - 15, std::uint64_t{good.size()}}) {
        Patched file(good);
        file.put(at, &value, 8);
        file.judge();
      }
    }
  }
  CHECK(Patched(good).judge() == "");
}
