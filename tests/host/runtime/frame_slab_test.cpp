#include "runtime/frame_slab.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "support/seed.hpp"

using tau::host::FrameSlab;

TEST_CASE("frames of any size are aligned, apart and counted") {
  TAU_SEEDED_RANDOM(random);
  FrameSlab slab;
  struct Frame {
    unsigned char* at;
    std::size_t size;
    unsigned char mark;
  };
  std::vector<Frame> frames;
  for (int i = 0; i < 4000; ++i) {
    if (!frames.empty() && random() % 3 == 0) {
      std::swap(frames[random() % frames.size()], frames.back());
      Frame frame = frames.back();
      for (std::size_t k = 0; k < frame.size; k += 97) REQUIRE(frame.at[k] == frame.mark);
      FrameSlab::deallocate(frame.at, true);
      frames.pop_back();
    } else {
      std::size_t size = random() % 50 == 0 ? random() % (1 << 20) : random() % 5000;
      auto* at = static_cast<unsigned char*>(slab.allocate(size, true));
      REQUIRE(at);
      REQUIRE(reinterpret_cast<std::uintptr_t>(at) % 16 == 0);
      auto mark = static_cast<unsigned char>(random());
      std::memset(at, mark, size);
      frames.push_back({at, size, mark});
    }
    REQUIRE(slab.live() == frames.size());
  }
  slab.release();
  CHECK(slab.live() == 0);
}

TEST_CASE("an impossible size is refused") {
  FrameSlab slab;
  CHECK(slab.allocate(SIZE_MAX, true) == nullptr);
  CHECK(slab.allocate(SIZE_MAX / 3, false) == nullptr);
  CHECK(slab.live() == 0);
}

TEST_CASE("what belongs to no owner is counted apart, whichever thread gives it back") {
  FrameSlab slab;
  const auto before = FrameSlab::shared().live();
  void* mine = slab.allocate(200, true);
  void* here = FrameSlab::shared().allocate(200, true);
  void* there = nullptr;
  std::thread([&] { there = FrameSlab::shared().allocate(200, false); }).join();
  CHECK(slab.live() == 1);
  CHECK(FrameSlab::shared().live() == before + 2);
  slab.release();  // of one owner, and of nobody else
  std::thread([&] { FrameSlab::deallocate(here, false); }).join();
  FrameSlab::deallocate(there, true);
  CHECK(FrameSlab::shared().live() == before);
  CHECK(mine != here);
}

TEST_CASE("frames may be made and freed on any thread") {
  FrameSlab slab;
  std::vector<void*> mine, theirs;
  for (int i = 0; i < 1000; ++i) mine.push_back(slab.allocate(200, true));
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) theirs.push_back(slab.allocate(200, false));
    for (void* frame : mine) FrameSlab::deallocate(frame, false);
  }).join();
  CHECK(slab.live() == 1000);
  for (void* frame : theirs) FrameSlab::deallocate(frame, true);
  CHECK(slab.live() == 0);
}
