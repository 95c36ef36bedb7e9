// use_task as a completion token, for the flavour that the macros name.

template <class R, class... Args>
class TAU_ASIO_NET::async_result<TAU_ASIO_BRIDGE::use_task_t, R(Args...)> {
 public:
  template <class Initiation, class... InitArgs>
  static auto initiate(Initiation&& initiation, TAU_ASIO_BRIDGE::use_task_t, InitArgs&&... args) {
    auto start = [initiation = std::forward<Initiation>(initiation),
                  ... args = std::forward<InitArgs>(args)](auto&& handler) mutable {
      std::move(initiation)(std::forward<decltype(handler)>(handler), std::move(args)...);
    };
    return TAU_ASIO_BRIDGE::detail::OperationAwaiter<decltype(start), Args...>(std::move(start));
  }
};

#undef TAU_ASIO_NET
#undef TAU_ASIO_BRIDGE
