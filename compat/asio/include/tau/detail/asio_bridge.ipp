// The bridge, written once for both flavours: included inside tau::asio and tau::boost_asio, where `net` is Asio.

namespace detail {

// As much as a thread has; memory is taken as it is touched.
inline constexpr std::size_t stack_size = std::size_t{8} << 20;

/// A handler that throws is its plugin's fault: told in its log, and the next one runs.
inline void run_reporting(net::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& thrown) {
      log(LogLevel::error, "a handler threw: ", thrown.what());
    }
  }
}

}  // namespace detail

/// Runs `context` on a stack of its own until it is out of work or stopped, as its run() would: handlers run on the
/// loop's thread, and everybody else goes on. An exception that leaves a handler is told in the plugin's log; run()
/// called by oneself lets it through.
///
/// Ownership: `context` outlives the task. Destroying the task leaves run() by unwinding; stop() ends it.
/// Threading: [loop]
/// Unload:    [drained], as fiber::run: plugin_destroy is the chance to stop it.
inline Task<void> run(net::io_context& context) {
  auto call = [&context] { detail::run_reporting(context); };
  for (;;) {
    bool threw = false;
    try {
      co_await fiber::run(call, detail::stack_size);
    } catch (const BadResultAccess&) {
      throw;  // no memory for the stack
    } catch (...) {
      threw = true;
    }
    if (!threw) co_return;
    log(LogLevel::error, "a handler threw what is no std::exception");
  }
}

namespace detail {

struct Hosted : tau::detail::UnloadHook {
  net::io_context context;
  net::executor_work_guard<net::io_context::executor_type> work{context.get_executor()};

  Hosted() : UnloadHook([](UnloadHook& self) { static_cast<Hosted&>(self).context.stop(); }) {
    spawn(run(context), "io_context").detach();
  }
};

}  // namespace detail

/// The plugin's own context, run by the host from the first call on and as long as the plugin lives. It counts as
/// work, so the host does not end by itself; context().stop() ends that.
///
/// Threading: [loop]; what may be done with it from other threads is as with any io_context.
/// Unload:    stopped after the plugin's object was destroyed; handlers that have not run are destroyed with the
///            module's static objects.
inline net::io_context& context() {
  static detail::Hosted hosted;
  return hosted.context;
}

namespace detail {

/// One operation that a task waits for: shared by the awaiter and the handler, whoever goes last frees it.
template <class... Args>
struct Operation {
  std::atomic<unsigned> references{1};
  tau::detail::Waiter waiter;
  bool suspended = false;
  bool done = false;
  std::optional<std::tuple<std::decay_t<Args>...>> values;  // none: the handler was destroyed
  net::cancellation_signal cancel;

  void retain() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Takes over the handler's reference. [any]
  void complete() noexcept {
    if (tau_on_loop_thread()) return arrive(this);
    if (tau_spawn_remote(tau::detail::module_owner(), &arrive, &forget, this) < 0) release();
  }
  static void arrive(void* self) noexcept {
    auto& operation = *static_cast<Operation*>(self);
    operation.done = true;
    if (std::exchange(operation.suspended, false)) operation.waiter.wake();
    operation.release();
  }
  static void forget(void* self) noexcept { static_cast<Operation*>(self)->release(); }
};

template <class... Args>
class OperationHandler {
 public:
  using cancellation_slot_type = net::cancellation_slot;

  explicit OperationHandler(Operation<Args...>& operation) noexcept : operation_(&operation) { operation.retain(); }
  OperationHandler(OperationHandler&& other) noexcept : operation_(std::exchange(other.operation_, nullptr)) {}
  OperationHandler& operator=(OperationHandler&&) = delete;
  ~OperationHandler() {
    if (operation_) operation_->complete();  // never called: its context has gone
  }

  void operator()(Args... args) {
    auto* operation = std::exchange(operation_, nullptr);
    operation->values.emplace(std::forward<Args>(args)...);
    operation->complete();
  }
  cancellation_slot_type get_cancellation_slot() const noexcept { return operation_->cancel.slot(); }

 private:
  Operation<Args...>* operation_;
};

template <class T>
inline constexpr bool is_error = std::is_same_v<std::decay_t<T>, error_code> ||
                                 std::is_same_v<std::decay_t<T>, std::exception_ptr>;

inline void throw_if(const error_code& error) {
  if (error) throw system_error(error);
}
inline void throw_if(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

inline void value_of(std::tuple<>&&) {}

/// What an awaited operation gives: an error is thrown, of the rest one is a value and more are a tuple.
template <class First, class... Rest>
auto value_of(std::tuple<First, Rest...>&& values) {
  if constexpr (is_error<First>) {
    throw_if(std::get<0>(values));
    return value_of(std::apply([](auto&, auto&... rest) { return std::tuple<Rest...>(std::move(rest)...); }, values));
  } else if constexpr (sizeof...(Rest) == 0) {
    return std::move(std::get<0>(values));
  } else {
    return std::move(values);
  }
}

/// Initiates when awaited. Destroyed before the end, it cancels the operation: what it reads into may go.
template <class Initiate, class... Args>
class [[nodiscard("an operation does nothing until it is awaited")]] OperationAwaiter {
 public:
  explicit OperationAwaiter(Initiate&& initiate) : initiate_(std::move(initiate)) {}
  OperationAwaiter(OperationAwaiter&& other) : initiate_(std::move(other.initiate_)) {}
  OperationAwaiter& operator=(OperationAwaiter&&) = delete;
  ~OperationAwaiter() {
    if (!operation_) return;
    operation_->suspended = false;
    if (!operation_->done) operation_->cancel.emit(net::cancellation_type::terminal);
    operation_->release();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> suspended) {
    operation_ = new Operation<Args...>;
    operation_->waiter.set(suspended);
    std::move(initiate_)(OperationHandler<Args...>(*operation_));
    operation_->suspended = !operation_->done;
    return operation_->suspended;
  }
  auto await_resume() {
    if (!operation_->values) throw system_error(net::error::operation_aborted);
    return value_of(std::move(*operation_->values));
  }

 private:
  Initiate initiate_;
  Operation<Args...>* operation_ = nullptr;
};

}  // namespace detail

/// Completion token: the operation becomes something that a tau::Task awaits.
///
/// Errors:    an error_code or exception that the operation ends with is thrown; error::operation_aborted too when its
///            context is destroyed.
/// Ownership: buffers as the operation has it. Destroying the task cancels the operation at once, so they may be its
///            frame's; not where another thread runs the operation's context, which must be done with it first.
/// Threading: [loop]; the context may be run by any thread.
struct use_task_t {
  constexpr use_task_t() noexcept {}
};
inline constexpr use_task_t use_task;

/// The same for an asio::awaitable, run on `executor`.
template <class T, class Executor>
auto await(net::awaitable<T, Executor> awaitable, const Executor& executor) {
  return net::co_spawn(executor, std::move(awaitable), use_task);
}
template <class T, class Executor>
auto await(net::awaitable<T, Executor> awaitable) {
  return await(std::move(awaitable), Executor(context().get_executor()));
}

namespace detail {

/// Tasks that run as operations of one context: when it goes their handlers go, and they are aborted.
class RunningTasks : public net::execution_context::service {
 public:
  using key_type = RunningTasks;
  static inline net::execution_context::id id;

  struct Entry {
    Entry* next = nullptr;
    Entry** previous = nullptr;
    virtual void context_goes() noexcept = 0;

    void unlink() noexcept {
      if (!previous) return;
      *previous = next;
      if (next) next->previous = previous;
      previous = nullptr;
    }

   protected:
    ~Entry() = default;
  };

  explicit RunningTasks(net::execution_context& context) : service(context) {}
  void link(Entry& entry) noexcept {
    entry.next = first_;
    entry.previous = &first_;
    if (first_) first_->previous = &entry.next;
    first_ = &entry;
  }
  void shutdown() override {
    while (first_) {
      Entry& entry = *first_;
      entry.unlink();
      entry.context_goes();
    }
  }

 private:
  Entry* first_ = nullptr;
};

template <class Handler, class... Values>
class Completion final : public RunningTasks::Entry {
 public:
  explicit Completion(Handler&& handler)
      : handler_(std::in_place, std::move(handler)),
        executor_(net::get_associated_executor(*handler_, context().get_executor())),
        work_(std::in_place, executor_) {
    net::use_service<RunningTasks>(net::query(executor_, net::execution::context)).link(*this);
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() {
    if (handler_) fail(std::make_exception_ptr(system_error(net::error::operation_aborted)));
  }

  AbortHandle task;

  auto cancellation_slot() const noexcept { return net::get_associated_cancellation_slot(*handler_); }

  template <class... Given>
  void finish(std::exception_ptr error, Given&&... values) {
    if (!handler_) return;
    unlink();
    auto call = [handler = std::move(*handler_), error = std::move(error),
                 ... values = Values(std::forward<Given>(values))]() mutable {
      std::move(handler)(std::move(error), std::move(values)...);
    };
    handler_.reset();
    net::post(executor_, std::move(call));
    work_.reset();
  }
  void fail(std::exception_ptr error) { finish(std::move(error), Values()...); }
  void context_goes() noexcept override {
    task.abort();
    handler_.reset();
    work_.reset();
  }

 private:
  using AssociatedExecutor = net::associated_executor_t<Handler, net::io_context::executor_type>;

  std::optional<Handler> handler_;
  AssociatedExecutor executor_;
  std::optional<net::executor_work_guard<AssociatedExecutor>> work_;
};

template <class T, class Ended>
Task<void> carry(Task<T> task, std::unique_ptr<Ended> completion) {
  std::exception_ptr error;
  if constexpr (std::is_void_v<T>) {
    try {
      co_await std::move(task);
    } catch (...) {
      error = std::current_exception();
    }
    completion->finish(error);
  } else {
    std::optional<T> value;
    try {
      value.emplace(co_await std::move(task));
    } catch (...) {
      error = std::current_exception();
    }
    if (value) {
      completion->finish(nullptr, std::move(*value));
    } else {
      completion->finish(error, T());
    }
  }
}

template <class T>
struct RunSignature {
  using type = void(std::exception_ptr, T);
  template <class Handler>
  using Ended = Completion<Handler, T>;
};
template <>
struct RunSignature<void> {
  using type = void(std::exception_ptr);
  template <class Handler>
  using Ended = Completion<Handler>;
};

template <class T>
struct InitiateRun {
  template <class Handler>
  void operator()(Handler&& handler, Task<T> task) const {
    using Ended = typename RunSignature<T>::template Ended<std::decay_t<Handler>>;
    auto completion = std::make_unique<Ended>(std::decay_t<Handler>(std::forward<Handler>(handler)));
    if (!tau_on_loop_thread()) {
      completion->fail(std::make_exception_ptr(
          std::logic_error("async_run: a tau::Task runs on the loop's thread; start it there")));
      return;
    }
    Ended& ended = *completion;
    auto slot = ended.cancellation_slot();
    const AbortHandle abort = spawn(carry(std::move(task), std::move(completion)), "async_run").abort_handle();
    if (abort.id() == 0) return;  // the plugin is being unloaded; the handler was told
    ended.task = abort;
    if (slot.is_connected()) {
      slot.assign([abort](net::cancellation_type) { abort.abort(); });
    }
  }
};

}  // namespace detail

/// A tau::Task as an Asio operation: spawned onto the loop; the token is told of its end, with
/// void(std::exception_ptr, T) or void(std::exception_ptr).
///
/// Errors:    an exception of the task; error::operation_aborted when it is aborted, by its cancellation slot or by
///            its plugin's unload; std::logic_error when it is called elsewhere than on the loop's thread.
/// Threading: [loop]; the handler runs on its own executor, by default context()'s.
/// Unload:    [drained]. When the handler's context goes first the task is aborted.
template <class T, class Token>
auto async_run(Task<T> task, Token&& token) {
  static_assert(std::is_void_v<T> || std::is_default_constructible_v<T>,
                "async_run: an operation that fails has a value all the same; give the task's result a default "
                "constructor, or wrap it in a std::optional");
  return net::async_initiate<Token, typename detail::RunSignature<T>::type>(detail::InitiateRun<T>{}, token,
                                                                            std::move(task));
}
