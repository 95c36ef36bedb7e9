// See descriptor.hpp.
#include <tau/detail/descriptor.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace tau::detail {

void Descriptor::close() noexcept {
  unwatch();
  given_back_.reset();
  // Not tried again after EINTR: the number is free by then, see close(2).
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Descriptor::give_back(std::span<const std::byte> bytes) noexcept {
  if (bytes.empty()) return;
  const std::size_t older = given_back_ ? given_back_->size - given_back_->begin : 0;
  try {
    auto merged = std::make_unique<GivenBack>();
    merged->size = bytes.size() + older;
    merged->bytes.reset(new std::byte[merged->size]);
    std::memcpy(merged->bytes.get(), bytes.data(), bytes.size());
    if (older != 0) {
      std::memcpy(merged->bytes.get() + bytes.size(), given_back_->bytes.get() + given_back_->begin, older);
    }
    given_back_ = std::move(merged);
  } catch (const std::bad_alloc&) {
    ::shutdown(fd_, SHUT_RD);
  }
}

std::size_t Descriptor::take_back(std::span<std::byte> into, bool peeks) noexcept {
  if (!given_back_) return 0;
  const std::size_t count = std::min(into.size(), given_back_->size - given_back_->begin);
  if (count != 0) std::memcpy(into.data(), given_back_->bytes.get() + given_back_->begin, count);
  if (peeks) return count;
  given_back_->begin += count;
  if (given_back_->begin == given_back_->size) given_back_.reset();
  return count;
}

}  // namespace tau::detail
