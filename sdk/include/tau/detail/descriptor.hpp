// Descriptor: a file descriptor that we own and close, and what goes with it: its registration, and bytes
// that a cancelled read gave back.
//
// The registration is made when an operation waits for the first time. From then on the reactor keeps
// watching between operations, so that waiting costs no system call.
#pragma once

#include <tau/rt/io.h>

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "../result.hpp"
#include "module.hpp"

namespace tau::detail {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  /// Takes over `fd`; negative is none.
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        watch_(std::exchange(other.watch_, 0)),
        given_back_(std::move(other.given_back_)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
      watch_ = std::exchange(other.watch_, 0);
      given_back_ = std::move(other.given_back_);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int fd() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

  /// Ends the registration, and gives up the descriptor.
  int release() noexcept {
    unwatch();
    return std::exchange(fd_, -1);
  }
  void close() noexcept;

  /// Its registration, made at the first call; 0 and *status if there can be none. [loop]
  tau_fd watch(std::int32_t* status = nullptr) noexcept {
    if (watch_ == 0) {
      const std::int32_t made = tau_fd_register(module_owner(), fd_, &watch_);
      if (made < 0 && status) *status = made;
    }
    return watch_;
  }

  /// Puts bytes in front of everything that will be read. If there is no memory for them, the descriptor's
  /// receiving side is shut down: a stream with a hole would be worse than one that ends.
  void give_back(std::span<const std::byte> bytes) noexcept;
  bool has_given_back() const noexcept { return given_back_ != nullptr; }
  /// Moves given-back bytes out, or copies them if `peeks`.
  std::size_t take_back(std::span<std::byte> into, bool peeks = false) noexcept;

 private:
  struct GivenBack {
    std::size_t size = 0;
    std::size_t begin = 0;
    std::unique_ptr<std::byte[]> bytes;
  };
  void unwatch() noexcept {
    if (watch_) tau_fd_deregister(std::exchange(watch_, 0));
  }

  int fd_ = -1;
  tau_fd watch_ = 0;
  std::unique_ptr<GivenBack> given_back_;
};

}  // namespace tau::detail
