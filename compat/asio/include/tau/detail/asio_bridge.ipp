// The bridge, written once for both flavours: included inside tau::asio and tau::boost_asio, where `net` is Asio.

namespace detail {

// As much as a thread has; memory is taken as it is touched.
inline constexpr std::size_t stack_size = std::size_t{8} << 20;

/// A handler that throws is its plugin's fault: told in its log, and the next one runs. `thrown` is set when the last
/// one threw what is no std::exception; the stack that it was thrown on is left by then.
inline void run_reporting(net::io_context& context, const std::exception_ptr& thrown) {
  if (thrown) log(LogLevel::error, "a handler threw what is no std::exception");
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
  std::exception_ptr thrown;
  auto call = [&context, &thrown] { detail::run_reporting(context, thrown); };
  for (;;) {
    try {
      co_await fiber::run(call, detail::stack_size);
      co_return;
    } catch (const BadResultAccess&) {
      // No stack: there is no memory, or it was the host that threw, to unwind the last one.
      if (thrown) std::rethrow_exception(thrown);
      throw;
    } catch (...) {
      thrown = std::current_exception();
    }
  }
}

namespace detail {

struct Hosted : tau::detail::UnloadHook {
  net::io_context context;
  net::executor_work_guard<net::io_context::executor_type> work{context.get_executor()};

  Hosted() : UnloadHook(stopped_at_unload()) { spawn(run(context), "io_context").detach(); }

 private:
  static auto stopped_at_unload() -> void (*)(UnloadHook&) {
    if (!tau_on_loop_thread()) {
      throw std::logic_error("context(): another thread is the first to ask for it; ask on the loop's thread before");
    }
    return [](UnloadHook& self) { static_cast<Hosted&>(self).context.stop(); };
  }
};

}  // namespace detail

/// The plugin's own context, run by the host from the first call on and as long as the plugin lives. It counts as
/// work, so the host does not end by itself; context().stop() ends that, for good.
///
/// Errors:    std::logic_error when the first call is another thread's.
/// Threading: [loop] for the first call, [any] afterwards; what may be done with the context from other threads is as
///            with any io_context.
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
    operation_->values.emplace(std::forward<Args>(args)...);
    std::exchange(operation_, nullptr)->complete();
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
    return operation_->suspended || tau::detail::suspend_if_exhausted(suspended);
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
///            frame's. Where another thread runs the operation's context, the task may be destroyed only when that
///            thread is done with the operation: Asio's cancellation is no matter of several threads.
/// Threading: [loop]; the context may be run by any thread.
/// Unload:    [drained]: the task is destroyed.
struct use_task_t {
  constexpr use_task_t() noexcept {}
};
inline constexpr use_task_t use_task;

/// The same for an asio::awaitable, run on `executor`.
///
/// Ownership: what the awaitable refers to lives until it has ended. Destroying the task tells it to stop, and it does
///            so a moment later, on its executor.
template <class T, class Executor>
auto await(net::awaitable<T, Executor> awaitable, const Executor& executor) {
  return net::co_spawn(executor, std::move(awaitable), use_task);
}
template <class T, class Executor>
auto await(net::awaitable<T, Executor> awaitable) {
  return await(std::move(awaitable), Executor(context().get_executor()));
}

namespace detail {

/// Tasks that run as operations of one context: when it goes their handlers go, and they are aborted. The context may
/// be another thread's, the tasks are the loop's; `mutex` decides which of them is told.
class RunningTasks : public net::execution_context::service {
 public:
  using key_type = RunningTasks;
  static inline net::execution_context::id id;
  static inline std::recursive_mutex mutex;  // a handler's destructor may end another task

  struct Entry {
    Entry* next = nullptr;
    Entry** previous = nullptr;
    /// Gives up the lock before the handler is destroyed.
    virtual void context_goes(std::unique_lock<std::recursive_mutex>& lock) noexcept = 0;

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
    const std::lock_guard lock(mutex);
    entry.next = first_;
    entry.previous = &first_;
    if (first_) first_->previous = &entry.next;
    first_ = &entry;
  }
  void shutdown() override {
    for (;;) {
      std::unique_lock lock(mutex);
      if (!first_) return;
      Entry& entry = *first_;
      entry.unlink();
      entry.context_goes(lock);
    }
  }

 private:
  Entry* first_ = nullptr;
};

/// Of a context whose work can be counted, so that it may end under a task. The others are the system's, whose threads
/// would be started by as much as asking for their context, and use_future's, which sets its promise wherever it is
/// called.
template <class Executor>
constexpr bool has_context() {
  if constexpr (requires(const Executor& strand) { strand.get_inner_executor(); }) {
    return has_context<std::decay_t<decltype(std::declval<const Executor&>().get_inner_executor())>>();
  } else {
    return net::can_require<Executor, net::execution::outstanding_work_t::tracked_t>::value ||
           requires(const Executor& any) { any.target_type(); };
  }
}

/// Calls `handler` by way of its executor.
template <class Executor, class Handler, class... Values>
void tell(const Executor& executor, Handler&& handler, std::exception_ptr error, Values... values) {
  auto call = [handler = std::move(handler), error = std::move(error), ... values = std::move(values)]() mutable {
    std::move(handler)(std::move(error), std::move(values)...);
  };
  if constexpr (has_context<Executor>()) {
    net::post(executor, std::move(call));
  } else {
    net::dispatch(executor, std::move(call));
  }
}

template <class Handler, class... Values>
class Completion final : public RunningTasks::Entry {
 public:
  explicit Completion(Handler&& handler) : waiting_(std::in_place, std::move(handler)) {
    if constexpr (has_context<Executor>()) {
      net::use_service<RunningTasks>(net::query(waiting_->executor, net::execution::context)).link(*this);
    }
  }
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() {
    try {
      fail(std::make_exception_ptr(system_error(net::error::operation_aborted)));
    } catch (const std::exception& thrown) {
      log(LogLevel::error, "a handler threw: ", thrown.what());
    }
  }

  auto cancellation_slot() const noexcept { return net::get_associated_cancellation_slot(waiting_->handler); }

  /// `task` is what is to be aborted when the context goes.
  void begun(AbortHandle task) noexcept {
    const std::lock_guard lock(RunningTasks::mutex);
    task_ = task;
    if (!waiting_) task_.abort();
  }
  template <class... Given>
  void finish(std::exception_ptr error, Given&&... values) {
    // Held until nothing of the context is touched any more.
    std::unique_lock lock(RunningTasks::mutex);
    if (!waiting_) return;
    unlink();
    Waiting waiting = std::move(*waiting_);
    waiting_.reset();
    if constexpr (!has_context<Executor>()) lock.unlock();  // the handler may be called in here
    tell(waiting.executor, std::move(waiting.handler), std::move(error), Values(std::forward<Given>(values))...);
  }
  void fail(std::exception_ptr error) { finish(std::move(error), Values()...); }
  void context_goes(std::unique_lock<std::recursive_mutex>& lock) noexcept override {
    const Waiting gone = std::move(*waiting_);
    waiting_.reset();
    task_.abort();
    lock.unlock();
  }

 private:
  using Executor = net::associated_executor_t<Handler, net::io_context::executor_type>;

  struct Waiting {
    Handler handler;
    Executor executor;
    net::executor_work_guard<Executor> work;

    explicit Waiting(Handler&& given)
        : handler(std::move(given)),
          executor(net::get_associated_executor(handler, context().get_executor())),
          work(executor) {}
  };

  std::optional<Waiting> waiting_;
  AbortHandle task_;
};

/// Elsewhere than on the loop's thread: tells a handler that is bound to no executor that its task was not taken.
template <class Handler, class... Values>
Task<void> refuse_on_loop(Handler handler, std::exception_ptr error) {
  tell(context().get_executor(), std::move(handler), std::move(error), Values()...);
  co_return;
}

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

template <class... Values>
struct InitiateRun {
  template <class Given, class T>
  void operator()(Given&& given, Task<T> task) const {
    using Handler = std::decay_t<Given>;
    Handler handler(std::forward<Given>(given));
    if (!tau_on_loop_thread()) return refuse(std::move(handler));
    auto completion = std::make_unique<Completion<Handler, Values...>>(std::move(handler));
    auto& ended = *completion;
    auto slot = ended.cancellation_slot();
    const AbortHandle abort = spawn(carry(std::move(task), std::move(completion)), "async_run").abort_handle();
    if (abort.id() == 0) return;  // the plugin is being unloaded; the handler was told
    ended.begun(abort);
    if (slot.is_connected()) {
      slot.assign([abort](net::cancellation_type) { abort.abort(); });
    }
  }

 private:
  template <class Handler>
  static void refuse(Handler&& handler) {
    auto error = std::make_exception_ptr(
        std::logic_error("async_run: a tau::Task runs on the loop's thread; start it there"));
    const auto executor = net::get_associated_executor(handler);
    if constexpr (std::is_same_v<std::decay_t<decltype(executor)>, net::system_executor>) {
      (void)spawn_on_loop(refuse_on_loop<Handler, Values...>(std::move(handler), std::move(error)));
    } else {
      tell(executor, std::move(handler), std::move(error), Values()...);
    }
  }
};

template <class T>
struct RunSignature {
  using type = void(std::exception_ptr, T);
  using Initiate = InitiateRun<T>;
};
template <>
struct RunSignature<void> {
  using type = void(std::exception_ptr);
  using Initiate = InitiateRun<>;
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
  using Signature = detail::RunSignature<T>;
  return net::async_initiate<Token, typename Signature::type>(typename Signature::Initiate{}, token, std::move(task));
}
