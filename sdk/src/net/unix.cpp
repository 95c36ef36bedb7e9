// See unix_address.hpp, unix_stream.hpp and unix_datagram.hpp.
#include <tau/net/unix_datagram.hpp>
#include <tau/net/unix_stream.hpp>

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace tau::net {
namespace {

static_assert(sizeof(sockaddr_un::sun_path) >= UnixAddress::longest + 1);
constexpr std::size_t path_at = offsetof(sockaddr_un, sun_path);

template <class Call>
Result<UnixAddress> name_of(int fd, Call call) noexcept {
  sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (call(fd, reinterpret_cast<sockaddr*>(&storage), &size) < 0) return Error::system(errno);
  return UnixAddress::from_system(reinterpret_cast<const sockaddr*>(&storage), size);
}

Result<UnixAddress> own_name(int fd) noexcept {
  return name_of(fd, [](int s, sockaddr* name, socklen_t* size) { return ::getsockname(s, name, size); });
}

Result<UnixAddress> peer_name(int fd) noexcept {
  return name_of(fd, [](int s, sockaddr* name, socklen_t* size) { return ::getpeername(s, name, size); });
}

Result<detail::Descriptor> bound(const UnixAddress& address, int type) noexcept {
  Result<detail::Descriptor> socket = detail::open_socket(AF_UNIX, type);
  if (!socket) return socket;
  sockaddr_storage storage;
  const socklen_t size = address.to_system(storage);
  if (::bind(socket->fd(), reinterpret_cast<const sockaddr*>(&storage), size) < 0)
    return Error::system(errno);
  return socket;
}

Result<std::pair<detail::Descriptor, detail::Descriptor>> socket_pair(int type) noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return Error::system(errno);
  return std::pair(detail::Descriptor(ends[0]), detail::Descriptor(ends[1]));
}

/// Never waits: the socket does not block, and a Unix connect ends at once.
Result<void> connect_now(int fd, const UnixAddress& peer) noexcept {
  sockaddr_storage storage;
  const socklen_t size = peer.to_system(storage);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) < 0) return Error::system(errno);
  return {};
}

}  // namespace

// ---- UnixAddress ----

Result<UnixAddress> UnixAddress::path(std::string_view path) noexcept {
  if (path.empty() || path.size() > longest || path.find('\0') != path.npos) return Errc::invalid;
  UnixAddress address;
  std::copy(path.begin(), path.end(), address.bytes_.begin());
  address.size_ = static_cast<std::uint8_t>(path.size());
  return address;
}

Result<UnixAddress> UnixAddress::abstract(std::string_view name) noexcept {
  if (name.empty() || name.size() > longest) return Errc::invalid;
  UnixAddress address;
  std::copy(name.begin(), name.end(), address.bytes_.begin() + 1);
  address.size_ = static_cast<std::uint8_t>(name.size() + 1);
  return address;
}

Result<UnixAddress> UnixAddress::from_system(const sockaddr* address, std::size_t length) noexcept {
  if (length == 0) return UnixAddress();  // what recvmsg says of an unnamed sender
  if (length < sizeof address->sa_family || address->sa_family != AF_UNIX) return Errc::unsupported;
  if (length <= path_at) return UnixAddress();
  const char* const bytes = reinterpret_cast<const char*>(address) + path_at;
  const std::size_t size = std::min(length - path_at, longest + 1);
  if (bytes[0] == '\0')
    return size == 1 ? Result<UnixAddress>(UnixAddress()) : abstract({bytes + 1, size - 1});
  return path({bytes, ::strnlen(bytes, size)});
}

std::uint32_t UnixAddress::to_system(sockaddr_storage& out) const noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, bytes_.data(), size_);
  std::memcpy(&out, &address, sizeof address);
  return static_cast<std::uint32_t>(path_at + size_ + is_path());
}

// ---- UnixStream ----

Result<UnixStream> UnixStream::from_raw_fd(int fd) noexcept {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return UnixStream(detail::Descriptor(fd));
}

Result<std::pair<UnixStream, UnixStream>> UnixStream::pair() noexcept {
  auto ends = socket_pair(SOCK_STREAM);
  if (!ends) return ends.error();
  return std::pair(UnixStream(std::move(ends->first)), UnixStream(std::move(ends->second)));
}

detail::Connect<UnixStream> UnixStream::connect(const UnixAddress& peer) noexcept {
  return detail::Connect<UnixStream>(detail::open_socket(AF_UNIX, SOCK_STREAM), peer);
}

Result<UnixAddress> UnixStream::local_address() const noexcept {
  return own_name(fd());
}
Result<UnixAddress> UnixStream::peer_address() const noexcept {
  return peer_name(fd());
}

Result<PeerCredentials> UnixStream::peer_credentials() const noexcept {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return Error::system(errno);
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

UnixStream::SendWithFds::SendWithFds(detail::Descriptor& descriptor, std::span<const std::byte> bytes,
                                     std::span<const int> fds) noexcept
    : MessageOperation(descriptor, TAU_IO_SENDMSG, 0),
      piece_{const_cast<std::byte*>(bytes.data()), bytes.size()} {
  message_.msg_iov = &piece_;
  message_.msg_iovlen = 1;
  if (bytes.empty() || !control_.put(message_, fds)) result = TAU_E_INVALID;
}

UnixStream::ReceiveWithFds::ReceiveWithFds(detail::Descriptor& descriptor,
                                           std::vector<io::OwnedFd>& given_back,
                                           std::span<std::byte> into) noexcept
    : MessageOperation(descriptor, TAU_IO_RECVMSG, MSG_CMSG_CLOEXEC),
      given_back_(given_back),
      piece_{into.data(), into.size()} {
  result = -1;  // nothing has come
  message_.msg_iov = &piece_;
  message_.msg_iovlen = 1;
  control_.make_room(message_);
}

UnixStream::ReceiveWithFds::~ReceiveWithFds() {
  withdraw();
  if (result < 0) return;
  descriptor_.give_back({static_cast<const std::byte*>(piece_.iov_base), static_cast<std::size_t>(result)});
  if (given_back_.empty()) given_back_ = detail::ControlBuffer::take(message_);
}

bool UnixStream::ReceiveWithFds::await_ready() noexcept {
  if (!descriptor_.has_given_back() || piece_.iov_len == 0) return false;
  message_.msg_controllen = 0;
  result = static_cast<std::int64_t>(
      descriptor_.take_back({static_cast<std::byte*>(piece_.iov_base), piece_.iov_len}));
  return true;
}

Result<BytesAndFds> UnixStream::ReceiveWithFds::await_resume() noexcept {
  const std::int64_t ended_with = std::exchange(result, -1);
  if (ended_with < 0) return Error::from_status(static_cast<std::int32_t>(ended_with));
  std::vector<io::OwnedFd> fds = std::exchange(given_back_, {});
  if (fds.empty()) fds = detail::ControlBuffer::take(message_);
  return BytesAndFds(static_cast<std::size_t>(ended_with), std::move(fds), message_.msg_flags & MSG_CTRUNC);
}

// ---- UnixListener ----

Result<UnixListener> UnixListener::bind(const UnixAddress& address, int backlog) {
  Result<detail::Descriptor> socket = bound(address, SOCK_STREAM);
  if (!socket) return socket.error();
  if (::listen(socket->fd(), backlog) < 0) return Error::system(errno);
  return UnixListener(std::move(*socket));
}

Result<UnixListener> UnixListener::from_raw_fd(int fd) {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return UnixListener(detail::Descriptor(fd));
}

Result<UnixListener::Accepted> UnixListener::Accept::await_resume() noexcept {
  Result<detail::Listening::Connection> connection = take();
  if (!connection) return connection.error();
  UnixStream stream{detail::Descriptor(connection->fd)};
  Result<UnixAddress> peer =
      UnixAddress::from_system(reinterpret_cast<const sockaddr*>(&connection->peer), connection->size);
  if (!peer) return peer.error();
  return Accepted(std::move(stream), *peer);
}

Result<UnixAddress> UnixListener::local_address() const noexcept {
  return own_name(fd());
}

Result<bool> remove_stale_socket(const UnixAddress& address) noexcept {
  if (!address.is_path()) return Errc::invalid;
  sockaddr_un path{};
  const std::string_view name = address.name();
  std::copy(name.begin(), name.end(), path.sun_path);
  struct stat status;
  if (::lstat(path.sun_path, &status) < 0) {
    if (errno == ENOENT) return false;
    return Error::system(errno);
  }
  if (!S_ISSOCK(status.st_mode)) return false;
  // One that is of another type answers EPROTOTYPE: somebody is there.
  Result<detail::Descriptor> probe = detail::open_socket(AF_UNIX, SOCK_STREAM);
  if (!probe) return probe.error();
  Result<void> answered = connect_now(probe->fd(), address);
  if (answered || answered.error() != Error::system(ECONNREFUSED)) return false;
  if (::unlink(path.sun_path) < 0) return Error::system(errno);
  return true;
}

// ---- UnixDatagram ----

Result<UnixDatagram> UnixDatagram::bind(const UnixAddress& address) {
  Result<detail::Descriptor> socket = bound(address, SOCK_DGRAM);
  if (!socket) return socket.error();
  return UnixDatagram(std::move(*socket));
}

Result<UnixDatagram> UnixDatagram::unbound() {
  Result<detail::Descriptor> socket = detail::open_socket(AF_UNIX, SOCK_DGRAM);
  if (!socket) return socket.error();
  return UnixDatagram(std::move(*socket));
}

Result<std::pair<UnixDatagram, UnixDatagram>> UnixDatagram::pair() {
  auto ends = socket_pair(SOCK_DGRAM);
  if (!ends) return ends.error();
  return std::pair(UnixDatagram(std::move(ends->first)), UnixDatagram(std::move(ends->second)));
}

Result<UnixDatagram> UnixDatagram::from_raw_fd(int fd) {
  if (Result<void> fit = detail::adopt(fd); !fit) return fit.error();
  return UnixDatagram(detail::Descriptor(fd));
}

Result<void> UnixDatagram::connect(const UnixAddress& peer) noexcept {
  return connect_now(fd(), peer);
}

void UnixDatagram::SendMessage::send_now() noexcept {
  do {
    result = ::sendmsg(fd, &message_, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  if (result < 0) result = -errno;
}

UnixDatagram::ReceiveMessage::ReceiveMessage(detail::Descriptor& descriptor,
                                             detail::GivenBackDatagrams& given_back,
                                             std::span<std::byte> into) noexcept
    : DatagramReceive(descriptor, given_back, into, 0) {
  control_.make_room(message_);
}

UnixDatagram::ReceiveMessage::~ReceiveMessage() {
  withdraw();
  if (result >= 0)
    give_back(given_fds_.empty() ? detail::ControlBuffer::take(message_) : std::move(given_fds_));
}

bool UnixDatagram::ReceiveMessage::await_ready() noexcept {
  if (!DatagramReceive::take_given_back(&given_fds_)) return false;
  message_.msg_controllen = 0;
  return true;
}

Result<UnixMessage> UnixDatagram::ReceiveMessage::await_resume() noexcept {
  Result<std::size_t> size = claim();
  if (!size) return size.error();
  Result<UnixAddress> from =
      UnixAddress::from_system(reinterpret_cast<const sockaddr*>(&peer_), message_.msg_namelen);
  if (!from) return from.error();
  std::vector<io::OwnedFd> fds = std::move(given_fds_);
  if (fds.empty()) fds = detail::ControlBuffer::take(message_);
  return UnixMessage(*size, *from, std::move(fds), message_.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
}

Result<UnixAddress> UnixDatagram::local_address() const noexcept {
  return own_name(fd());
}
Result<UnixAddress> UnixDatagram::peer_address() const noexcept {
  return peer_name(fd());
}

}  // namespace tau::net
