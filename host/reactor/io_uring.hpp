// io_uring: completions where the kernel gives something for them, readiness for the rest.
//
//   registered descriptors, and one operation on a socket, pipe or terminal: a multishot poll per number,
//       edge-triggered like epoll's (readiness.hpp does the rest). A recv in the ring would take bytes off
//       the socket while its caller is being canceled; tried when the poll says so, it takes none.
//   regular files and paths: in the ring. No thread of ours, no copy.
//   multishot accepts and receives: in the ring, with buffers that the kernel picks from by itself.
//
// Each completion names what it is for by its user_data: a poll by the number and a serial that changes
// with every poll of that number, a file operation by a slot and its generation. Late ones of what was
// canceled match nothing and are dropped.
//
// Everything fetched is sorted into queues at once and told later, from poll() alone; so fetching may happen
// inside any call, and a cancel that has to wait for the kernel does it there.
//
// Begun polls and their ends are sent off at once: a descriptor may be closed, and its number or its port
// used anew, right after the call. File operations wait for the next poll(), which sends them off together.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "file_identity.hpp"
#include "readiness.hpp"
#include "ring.hpp"

namespace tau::host {

class UringReactor : public ReadinessReactor {
 public:
  UringReactor() = default;
  ~UringReactor() override;

  /// False, and `*why` says what is missing.
  bool start(std::string* why) noexcept;

  std::string_view name() const noexcept override { return "io_uring"; }
  void wake() noexcept override;
  bool readiness_is_cheap() const noexcept override { return false; }
  std::size_t withdrawn() const noexcept override { return withdrawn_; }

 protected:
  std::int32_t watch(int fd, std::uint64_t token) noexcept override;
  std::int32_t rewatch(int fd, std::uint64_t token) noexcept override;
  void unwatch(int fd) noexcept override;
  void collect(std::int64_t timeout_ns) noexcept override;
  void priority_wanted(int fd, std::uint64_t token) noexcept override { rewatch(fd, token); }

  void* begin(tau_io* op) noexcept override;
  void forget(tau_io* op, void* carrier) noexcept override;
  void* begin_multishot(tau_io* op, bool* imitate) noexcept override;
  Arrival next_arrival(tau_io* op, void* carrier) noexcept override;
  std::int32_t provide(BufferGroup& group) noexcept override;
  void provide_again(BufferGroup& group, std::uint32_t piece) noexcept override;
  void unprovide(BufferGroup& group) noexcept override;

 private:
  /// One completion of a multishot operation.
  struct Arrived {
    std::int32_t result = 0;
    std::uint32_t piece = no_piece;
    Arrived* next = nullptr;
  };
  static constexpr std::uint32_t no_piece = ~std::uint32_t{0};
  /// Room for a struct statx.
  struct Status {
    std::byte bytes[256];
  };
  /// The poll on one number.
  struct Watch {
    std::uint64_t token = 0;
    std::uint32_t serial = 0;
    bool armed = false;
    bool fell = false;  // the kernel ended it and it could not be begun anew at once
    FileIdentity file;
  };
  /// One operation that the kernel carries out.
  struct Flight {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    tau_io* op = nullptr;  // null: canceled, and nobody waits for it
    std::uint32_t opcode = 0;
    io_uring_sqe* entry = nullptr;  // ours as long as the ring has sent nothing since
    std::uint64_t sent_before = 0;
    std::unique_ptr<Status> status;  // of STATX: the kernel may write it after a cancel
    // Of a multishot operation: what has come and was not told, oldest first, and whether more will.
    bool multishot = false;
    bool armed = false;
    BufferGroup* group = nullptr;
    Arrived* first = nullptr;
    Arrived* last = nullptr;
    Arrived end;
    Flight* next_free = nullptr;
  };

  // io_uring.cpp: the ring, polls, sleeping.
  io_uring_sqe* submission(std::uint64_t tag) noexcept;
  void cancel_tag(std::uint64_t tag) noexcept;
  void send_off() noexcept;
  void fetch() noexcept;
  void sort(const io_uring_cqe& cqe) noexcept;
  void took_poll(const io_uring_cqe& cqe) noexcept;
  void sleep(std::int64_t timeout_ns) noexcept;
  std::uint32_t priority_of(int fd, std::uint64_t token) const noexcept;
  bool arm(int fd, Watch& watch) noexcept;
  void arm_wake() noexcept;
  void rearm_fallen() noexcept;

  // io_uring_files.cpp
  Flight* take_flight(tau_io* op) noexcept;
  void release(Flight& flight) noexcept;
  void took_flight(const io_uring_cqe& cqe) noexcept;
  void await_end(Flight& flight) noexcept;

  // io_uring_multishot.cpp
  void took_multishot(Flight& flight, const io_uring_cqe& cqe) noexcept;
  Arrived* take_arrived(Flight& flight) noexcept;
  void release_first(Flight& flight) noexcept;
  void discard(const Flight& flight, std::int32_t result, std::uint32_t piece) noexcept;
  void forget_multishot(Flight& flight) noexcept;

  // Tags. A number fits into 31 bits; the 32nd tells a slot from it.
  static constexpr std::uint64_t slot_bit = std::uint64_t{1} << 31;
  static constexpr std::uint64_t ignored_tag = ~std::uint64_t{0};
  static constexpr std::uint64_t wake_tag = ~std::uint64_t{0} - 1;
  static std::uint64_t tag_of(int fd, const Watch& watch) noexcept {
    return (std::uint64_t{watch.serial} << 32) | static_cast<std::uint32_t>(fd);
  }
  static std::uint64_t tag_of(const Flight& flight) noexcept {
    return (std::uint64_t{flight.generation} << 32) | slot_bit | flight.index;
  }

  Ring ring_;
  int wake_ = -1;
  FileIdentities identities_;
  Pages<Watch> watches_;
  Pages<Flight> flights_;
  Flight* free_flight_ = nullptr;
  std::uint32_t flights_made_ = 0;
  std::size_t withdrawn_ = 0;  // flights whose operation was, and that are not back
  Pages<Arrived> arrivals_;
  Arrived* free_arrival_ = nullptr;
  std::size_t arrivals_made_ = 0;
  bool any_fell_ = false;
  std::uint64_t happened_ = 0;  // completions that meant something
  bool roused_ = false;         // a wake was fetched and the poll() that it is for has not returned
  std::atomic<bool> woken_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace tau::host
