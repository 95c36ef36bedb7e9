// What a readiness backend remembers: per descriptor number who waits there, per handle who registered
// and what is known to be ready.
//
// A number is not a file: it may be closed and given out anew at any moment, by anybody. So a Descriptor
// carries a serial that changes whenever the kernel's watch on it begins anew and travels in the watch's
// events, and a handle carries a generation. Descriptors live at their number's place and never move;
// they are reused, not freed, so that nothing is allocated per wait.
#pragma once

#include <tau/rt/io.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "intrusive_queue.hpp"

namespace tau::host {

struct Registration;

/// One descriptor number. What every event and every operation on a connection looks at comes first, and fits into
/// one line of the cache: with many connections fetching memory is what counts.
struct alignas(64) Descriptor {
  enum class Kind : std::uint8_t { unknown, tcp, other };
  /// What the last receive left behind, as far as no event has come since.
  enum class Left : std::uint8_t {
    unknown,
    nothing,  // it took less than it had room for
    perhaps,  // it filled its buffer
  };

  int fd = -1;
  std::uint32_t serial = 0;
  Kind kind = Kind::unknown;
  Left left = Left::unknown;
  bool watched : 1 = false;
  bool odd : 1 = false;         // an event came after which a receive's size tells nothing
  std::uint8_t lulls : 2 = 0;   // not 0: behind a full receive there was nothing, not long ago
  bool doubtful : 1 = false;    // linked among those that are tried later, not among the hot ones
  bool polled : 1 = false;      // the queues of polls may hold something
  bool waited_for : 1 = false;  // a registration may have waits
  bool vouched : 1 = false;     // there is a registration
  std::uint16_t hot = 0;        // of TAU_IN | TAU_OUT: the kernel said so and we have not yet met EAGAIN
  std::uint16_t untold = 0;     // events that the registrations are still to remember

  IntrusiveQueue<tau_io> in;  // READ, RECV(MSG), ACCEPT: in order

  Descriptor* next = nullptr;  // among those with something to be tried
  Descriptor** previous = nullptr;

  tau_plugin* voucher = nullptr;  // who made the newest registration

  IntrusiveQueue<tau_io> out;        // WRITE, SEND(MSG), CONNECT: likewise
  IntrusiveQueue<tau_io> polls;      // POLL: each looks for itself
  IntrusiveQueue<tau_io> due_polls;  // those of them that an event concerned
  Registration* registrations = nullptr;

  bool has_operations() const noexcept {
    return !in.empty() || !out.empty() || !polls.empty() || !due_polls.empty();
  }
  /// Whether `owner` has a registration: its word that the number stays the file that it is.
  bool vouched_by(const tau_plugin* owner) const noexcept {
    return vouched && (voucher == owner || vouched_by_older(owner));
  }
  /// The queue that `op` waits in when it is not a due poll.
  IntrusiveQueue<tau_io>& queue_for(const tau_io& op) noexcept {
    constexpr unsigned receives = 1u << TAU_IO_READ | 1u << TAU_IO_RECV | 1u << TAU_IO_RECVMSG | 1u << TAU_IO_ACCEPT;
    constexpr unsigned sends = 1u << TAU_IO_WRITE | 1u << TAU_IO_SEND | 1u << TAU_IO_SENDMSG | 1u << TAU_IO_CONNECT;
    const unsigned one = 1u << (op.opcode & 31);
    return one & receives ? in : one & sends ? out : polls;
  }
  /// The newest registration is another one.
  void note_registrations() noexcept;
  /// Comes back with the events of the kernel's watch, so that late ones of an older watch are known.
  std::uint64_t token() const noexcept { return (std::uint64_t{serial} << 32) | static_cast<std::uint32_t>(fd); }

  /// Whether what the receive leaves behind is worth knowing.
  static bool is_plain_receive(const tau_io& op) noexcept { return op.opcode == TAU_IO_RECV && op.flags == 0; }
  /// Behind a full receive there was nothing: the next full ones are believed to have taken all, until as many found
  /// more behind them. One such find tells little, since it may have come meanwhile.
  void note_lull() noexcept { lulls = 3; }
  /// A plain receive has ended: see readiness.hpp for what may follow from that.
  void note_receive(const tau_io& op) noexcept;
  /// Whether trying it now could only, or would most likely, say EAGAIN.
  bool has_nothing_for(const tau_io& op) const noexcept {
    return left != Left::unknown && is_plain_receive(op) && op.length != 0 && (left == Left::nothing || lulls != 0) &&
           vouched_by(op.owner);
  }
  /// Takes `op` out of whichever queue it is in.
  void remove(tau_io* op) noexcept;

 private:
  bool vouched_by_older(const tau_plugin* owner) const noexcept;
};

/// What a tau_fd names.
struct Registration {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  // odd while taken
  Descriptor* descriptor = nullptr;  // null: the number was closed and reused behind our back
  tau_plugin* owner = nullptr;
  std::uint32_t ready = 0;
  tau_fd_wait* waits = nullptr;  // newest first

  Registration* next = nullptr;  // of the same descriptor, or free
  Registration** previous = nullptr;

  tau_fd handle() const noexcept { return (std::uint64_t{generation} << 32) | index; }
  bool taken() const noexcept { return (generation & 1) != 0; }
};

/// An array that grows by pages: elements never move.
template <class T>
class Pages {
 public:
  static constexpr std::size_t page_size = 256;

  T* find(std::size_t index) const noexcept {
    const std::size_t page = index / page_size;
    return page < pages_.size() && pages_[page] ? &pages_[page][index % page_size] : nullptr;
  }
  /// Null when out of memory.
  T* make(std::size_t index) noexcept {
    if (T* there = find(index)) return there;
    try {
      const std::size_t page = index / page_size;
      if (page >= pages_.size()) pages_.resize(page + 1);
      pages_[page] = std::make_unique<T[]>(page_size);
    } catch (...) {
      return nullptr;
    }
    return find(index);
  }
  template <class Visit>
  void each(Visit visit) {
    for (auto& page : pages_) {
      if (!page) continue;
      for (std::size_t i = 0; i < page_size; ++i) visit(page[i]);
    }
  }

 private:
  std::vector<std::unique_ptr<T[]>> pages_;
};

/// [loop]
class FdTable {
 public:
  /// Null for a number that was never made.
  Descriptor* find(int fd) const noexcept {
    Descriptor* descriptor = fd < 0 ? nullptr : descriptors_.find(static_cast<std::size_t>(fd));
    return descriptor && descriptor->fd == fd ? descriptor : nullptr;
  }
  /// Null when out of memory; `fd` is not negative.
  Descriptor* make(int fd) noexcept;

  /// Null for a stale handle.
  Registration* find(tau_fd handle) const noexcept {
    Registration* registration = registrations_.find(static_cast<std::uint32_t>(handle));
    // An even generation is a free slot's, so 0 and what was never given out find nothing.
    const bool alive = registration && registration->taken() && registration->handle() == handle;
    return alive ? registration : nullptr;
  }
  /// Null when out of memory.
  Registration* take(Descriptor& descriptor, tau_plugin* owner) noexcept;
  /// Its waits are gone already; its handle is stale from here on.
  void release(Registration& registration) noexcept;

  template <class Visit>
  void each_descriptor(Visit visit) {
    descriptors_.each(visit);
  }
  template <class Visit>
  void each_registration(Visit visit) {
    registrations_.each([&](Registration& registration) {
      if (registration.taken()) visit(registration);
    });
  }

 private:
  Pages<Descriptor> descriptors_;
  Pages<Registration> registrations_;
  Registration* free_ = nullptr;
  std::uint32_t made_ = 0;
};

}  // namespace tau::host
