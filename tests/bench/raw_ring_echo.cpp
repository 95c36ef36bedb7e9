// See raw_ring_echo.hpp. Multishot receives into provided buffers; a piece goes back when its send has ended.
#include "raw_ring_echo.hpp"

#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace tau::bench {
namespace {

constexpr unsigned pieces = 256;
constexpr std::uint64_t send_bit = std::uint64_t{1} << 63, accept_bit = std::uint64_t{1} << 62;

struct Echo {
  io_uring ring{};
  io_uring_buf_ring* provided = nullptr;
  char* memory = nullptr;
  std::size_t size = 0;  // of a piece

  // Pieces do not begin at the same place of a page: their first lines would compete for the same sets of the cache.
  std::size_t stride() const { return size + 64; }
  char* at(unsigned piece) const { return memory + std::size_t{piece} * stride(); }
  io_uring_sqe* next() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring);
    if (entry) return entry;
    io_uring_submit(&ring);
    return io_uring_get_sqe(&ring);
  }
  void receive(int fd) {
    io_uring_sqe* entry = next();
    io_uring_prep_recv_multishot(entry, fd, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 0;
    entry->user_data = static_cast<std::uint64_t>(fd);
  }
  void accept(int listener) {
    io_uring_sqe* entry = next();
    io_uring_prep_multishot_accept(entry, listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    entry->user_data = accept_bit;
  }
  void send(int fd, unsigned piece, std::size_t from, std::size_t count) {
    io_uring_sqe* entry = next();
    io_uring_prep_send(entry, fd, at(piece) + from, count, MSG_NOSIGNAL | MSG_WAITALL);
    entry->user_data = send_bit | piece;
  }
  void give_back(unsigned piece) {
    io_uring_buf_ring_add(provided, at(piece), static_cast<unsigned>(size), static_cast<unsigned short>(piece),
                          io_uring_buf_ring_mask(pieces), 0);
    io_uring_buf_ring_advance(provided, 1);
  }
};

/// What came goes back; by send(2) as far as that goes.
void answer(Echo& echo, int fd, unsigned piece, std::size_t count, bool sends_inline) {
  std::size_t sent = 0;
  if (sends_inline) {
    const ssize_t gone = ::send(fd, echo.at(piece), count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (gone > 0) sent = static_cast<std::size_t>(gone);
  }
  if (sent == count) {
    echo.give_back(piece);
  } else {
    echo.send(fd, piece, sent, count - sent);
  }
}

}  // namespace

bool raw_ring_echo(const RawRing& how) {
  Echo echo;
  echo.size = how.piece;
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = 4096;
  if (io_uring_queue_init_params(256, &echo.ring, &params) < 0) return false;
  const std::size_t ring_bytes = pieces * sizeof(io_uring_buf), all_bytes = pieces * echo.stride();
  void* view = ::mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  echo.memory = static_cast<char*>(::mmap(nullptr, all_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  echo.provided = static_cast<io_uring_buf_ring*>(view);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(view);
  registration.ring_entries = pieces;
  if (io_uring_register_buf_ring(&echo.ring, &registration, 0) < 0) return false;
  io_uring_buf_ring_init(echo.provided);
  for (unsigned piece = 0; piece < pieces; ++piece) echo.give_back(piece);
  for (int fd : how.fds) echo.receive(fd);
  if (how.listener >= 0) echo.accept(how.listener);

  std::size_t open = how.fds.size();
  while (open > 0 || how.listener >= 0) {
    io_uring_submit_and_wait(&echo.ring, 1);
    io_uring_cqe* cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&echo.ring, head, cqe) {
      ++count;
      if (cqe->user_data & send_bit) {
        echo.give_back(static_cast<unsigned>(cqe->user_data & 0xffff));
        continue;
      }
      if (cqe->user_data & accept_bit) {
        const int yes = 1;
        if (cqe->res >= 0) {
          ::setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
          echo.receive(cqe->res);
        }
        if (!(cqe->flags & IORING_CQE_F_MORE)) echo.accept(how.listener);
        continue;
      }
      const int fd = static_cast<int>(cqe->user_data);
      if (cqe->res > 0) {
        answer(echo, fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, static_cast<std::size_t>(cqe->res), how.sends_inline);
      } else if (cqe->res != -ENOBUFS) {
        if (how.listener >= 0) {
          ::close(fd);
        } else {
          --open;
        }
        continue;
      }
      if (!(cqe->flags & IORING_CQE_F_MORE)) echo.receive(fd);
    }
    io_uring_cq_advance(&echo.ring, count);
  }
  io_uring_queue_exit(&echo.ring);
  ::munmap(view, ring_bytes);
  ::munmap(echo.memory, all_bytes);
  return true;
}

}  // namespace tau::bench
