// See message_operation.hpp.
#include <tau/detail/message_operation.hpp>

namespace tau::detail {

bool ReceiveVectored::await_ready() noexcept {
  if (!descriptor_.has_given_back()) return false;
  for (std::size_t i = 0; i < message_.msg_iovlen; ++i) {
    result += static_cast<std::int64_t>(
        descriptor_.take_back({static_cast<std::byte*>(pieces_[i].iov_base), pieces_[i].iov_len}));
  }
  return true;
}

void ReceiveVectored::give_back() noexcept {
  // Put back the last piece first: each goes in front of what is there.
  std::size_t left = static_cast<std::size_t>(unclaimed());
  std::size_t pieces = 0;
  for (std::size_t sum = 0; sum < left; ++pieces) sum += pieces_[pieces].iov_len;
  for (std::size_t before = 0; pieces-- > 0; left = before) {
    before = 0;
    for (std::size_t i = 0; i < pieces; ++i) before += pieces_[i].iov_len;
    descriptor_.give_back({static_cast<const std::byte*>(pieces_[pieces].iov_base), left - before});
  }
}

}  // namespace tau::detail
