// See raw_ring_echo.hpp. Multishot receives into provided buffers; a piece goes back when its send has ended.
#include "raw_ring_echo.hpp"

#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cstdint>

namespace tau::bench {
namespace {

constexpr unsigned pieces = 256, size = 4096;
constexpr std::uint64_t send_bit = std::uint64_t{1} << 63;

struct Echo {
  io_uring ring{};
  io_uring_buf_ring* provided = nullptr;
  char* memory = nullptr;

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
  void give_back(unsigned piece) {
    io_uring_buf_ring_add(provided, memory + std::size_t{piece} * size, size, static_cast<unsigned short>(piece),
                          io_uring_buf_ring_mask(pieces), 0);
    io_uring_buf_ring_advance(provided, 1);
  }
};

}  // namespace

bool raw_ring_echo(const std::vector<int>& fds, bool sends_inline) {
  Echo echo;
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  params.cq_entries = 4096;
  if (io_uring_queue_init_params(256, &echo.ring, &params) < 0) return false;
  const std::size_t ring_bytes = pieces * sizeof(io_uring_buf), all_bytes = std::size_t{pieces} * size;
  void* view = ::mmap(nullptr, ring_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  echo.memory = static_cast<char*>(::mmap(nullptr, all_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  echo.provided = static_cast<io_uring_buf_ring*>(view);
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uint64_t>(view);
  registration.ring_entries = pieces;
  if (io_uring_register_buf_ring(&echo.ring, &registration, 0) < 0) return false;
  io_uring_buf_ring_init(echo.provided);
  for (unsigned piece = 0; piece < pieces; ++piece) echo.give_back(piece);
  for (int fd : fds) echo.receive(fd);

  std::size_t open = fds.size();
  while (open > 0) {
    io_uring_submit_and_wait(&echo.ring, 1);
    io_uring_cqe* cqe;
    unsigned head, count = 0;
    io_uring_for_each_cqe(&echo.ring, head, cqe) {
      ++count;
      if (cqe->user_data & send_bit) {
        echo.give_back(static_cast<unsigned>(cqe->user_data & 0xffff));
        continue;
      }
      const int fd = static_cast<int>(cqe->user_data);
      if (cqe->res > 0) {
        const unsigned piece = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        char* bytes = echo.memory + std::size_t{piece} * size;
        if (sends_inline) {
          if (::send(fd, bytes, static_cast<std::size_t>(cqe->res), MSG_NOSIGNAL | MSG_DONTWAIT) != cqe->res) abort();
          echo.give_back(piece);
        } else {
          io_uring_sqe* entry = echo.next();
          io_uring_prep_send(entry, fd, bytes, static_cast<std::size_t>(cqe->res), MSG_NOSIGNAL);
          entry->user_data = send_bit | piece;
        }
      } else if (cqe->res != -ENOBUFS) {
        --open;
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
