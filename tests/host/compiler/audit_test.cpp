#include "compiler/audit.hpp"

#include "support.hpp"

using namespace tau::host;
using namespace tau::host::test;

TEST_CASE("a system header is known by the library's name, with and without lib") {
  CHECK(is_system_header_of("/usr/include/uv.h", "libuv"));
  CHECK(is_system_header_of("/usr/include/uv/unix.h", "libuv"));
  CHECK(is_system_header_of("/usr/include/x86_64-linux-gnu/uv.h", "libuv"));
  CHECK(is_system_header_of("/usr/local/include/asio/io_context.hpp", "asio"));
  CHECK(is_system_header_of("/usr/include/asio.hpp", "asio"));
  CHECK_FALSE(is_system_header_of("/usr/include/uvector.h", "libuv"));
  CHECK_FALSE(is_system_header_of("/usr/include/boost/asio.hpp", "asio"));
  CHECK_FALSE(is_system_header_of("/home/me/dist/src/asio/include/asio.hpp", "asio"));
  CHECK_FALSE(is_system_header_of("/usr/include/c++/12/string", "asio"));
}

TEST_CASE("a system library is known by its file name") {
  CHECK(is_library_of("libuv.so.1", "libuv"));
  CHECK(is_library_of("libboost_context.so.1.74.0", "boost"));
  CHECK(is_library_of("libtau.so", "tau"));
  CHECK_FALSE(is_library_of("libtau_rt.so", "tau"));
  CHECK_FALSE(is_library_of("libuvc.so.1", "libuv"));
  CHECK_FALSE(is_library_of("libc.so.6", "libuv"));
  CHECK_FALSE(is_library_of("libuv", "libuv"));
}

TEST_CASE("what a shared object needs is read from its bytes, whatever they are") {
  const auto bytes = text_of(TAU_RT_LIBRARY);
  for (const auto& each : needed_libraries(bytes)) CHECK(each.rfind("lib", 0) == 0);
  CHECK(needed_libraries("").empty());
  CHECK(needed_libraries("\x7f" "ELF, or not").empty());
  for (std::size_t length = 0; length < bytes.size(); length += 97) needed_libraries(bytes.substr(0, length));
  std::string spoiled = bytes;
  for (std::size_t i = 16; i < spoiled.size(); i += 3) spoiled[i] = static_cast<char>(i * 31);
  needed_libraries(spoiled);
}

TEST_CASE("a trace of the system's copy is reported, unless the package builds on it") {
  TempDir dir;
  const std::vector<Patch> patches{{"libuv", dir / "uv"}};
  fs::create_directories(dir / "uv");
  CHECK(audit(patches, {"/usr/include/stdio.h"}, "").empty());
  const auto report = audit(patches, {"/usr/include/stdio.h", "/usr/include/uv.h"}, "");
  CHECK(contains(report, "the system's libuv (/usr/include/uv.h)"));
  CHECK(contains(report, "dependency('libuv')"));
  write_file(dir / "uv/uses-system-copy", "");
  CHECK(audit(patches, {"/usr/include/uv.h"}, "").empty());
}

TEST_CASE("only arguments after ours can break a layout") {
  CHECK(audit_arguments({"c++", "-D_GLIBCXX_DEBUG=1", "-U_GLIBCXX_DEBUG", "-DTAU_FLAGS_HASH=\"x\"", "-O2"}).empty());
  CHECK(contains(audit_arguments({"c++", "-DTAU_FLAGS_HASH=\"x\"", "-fpack-struct=1"}), "-fpack-struct=1"));
}
