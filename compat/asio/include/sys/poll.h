// Before the system's header, which Asio includes wherever it deals with descriptors: by then it is known, also if the
// source says so, what Asio would wait by. Without a guard, since each inclusion is to look.
#if defined(ASIO_DISABLE_EPOLL) || defined(BOOST_ASIO_DISABLE_EPOLL)
#error "tau: Asio without epoll waits by select(), which would stop the loop for everybody. Leave out (BOOST_)ASIO_DISABLE_EPOLL"
#endif
#if defined(ASIO_HAS_IO_URING) || defined(BOOST_ASIO_HAS_IO_URING)
#error "tau: Asio on io_uring would wait in a ring that the loop knows nothing of. Leave out (BOOST_)ASIO_HAS_IO_URING; tau uses io_uring by itself where the kernel has it"
#endif
#include_next <sys/poll.h>
