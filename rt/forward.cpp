// Each call enters its trampoline in the host executable; nothing else happens (I2).
//
// The two columns are the whole file: a call and its way on. Trampolines are named tau_host_* and are
// found by the dynamic linker in the executable that opened the plugin.
#include <tau/rt/abi.h>
#include <tau/rt/task.h>
#include <tau/rt/timer.h>
#include <tau/rt/fiber.h>
#include <tau/rt/io.h>
#include <tau/rt/blocking.h>
#include <tau/rt/pollset.h>
#include <tau/rt/buffers.h>
#include <tau/rt/resolve.h>
#include <tau/rt/resource.h>
#include <tau/rt/event.h>
#include <tau/rt/plugin.h>
#include <tau/rt/process.h>
#include <tau/rt/signal.h>
#include <tau/rt/source.h>
#include <tau/rt/thread.h>

#define FORWARD(result, name, parameters, arguments)                      \
  extern "C" result tau_host_##name parameters noexcept;                  \
  extern "C" TAU_EXPORT result tau_##name parameters noexcept {           \
    return tau_host_##name arguments;                                     \
  }

// For calls that may unwind: the exception passes through.
#define FORWARD_UNWINDING(result, name, parameters, arguments)   \
  extern "C" result tau_host_##name parameters;                  \
  extern "C" TAU_EXPORT result tau_##name parameters {           \
    return tau_host_##name arguments;                            \
  }

// clang-format off

// abi.h
FORWARD(int32_t, abi_version, (), ())

// task.h
FORWARD(int32_t, spawn, (tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out), (owner, fns, resume, data, out))
FORWARD(int32_t, spawn_at, (tau_plugin* owner, const tau_task_fns* fns, void* data, tau_task_id* out, const char* file, uint32_t line), (owner, fns, data, out, file, line))
FORWARD(int32_t, task_set_name, (tau_task_id id, const char* name, size_t length), (id, name, length))
FORWARD(int32_t, task_list, (tau_plugin* owner, void (*visit)(void* data, const tau_task_info* info), void* data), (owner, visit, data))
FORWARD(int32_t, spawn_remote, (tau_plugin* owner, void (*start)(void* data), void (*abandon)(void* data), void* data), (owner, start, abandon, data))
FORWARD(int32_t, spawn_remote_quietly, (tau_plugin* owner, void (*start)(void* data), void (*abandon)(void* data), void* data), (owner, start, abandon, data))
FORWARD(void, wake_loop, (void), ())
FORWARD(void, task_wake, (tau_task* task), (task))
FORWARD(int32_t, wake, (tau_task_id id), (id))
FORWARD(int32_t, abort, (tau_task_id id), (id))
FORWARD(int32_t, task_drop, (tau_task_id id), (id))
FORWARD(tau_task_id, task_current, (), ())
FORWARD(tau_task*, task_current_head, (), ())
FORWARD(int32_t, task_state, (tau_task_id id), (id))
FORWARD(int32_t, join, (tau_task_id id, tau_wait* wait), (id, wait))
FORWARD(void, join_cancel, (tau_task_id id, tau_wait* wait), (id, wait))
FORWARD(int32_t, join_take, (tau_task_id id, void** data), (id, data))
FORWARD(int32_t, join_release, (tau_task_id id, tau_wait* wait, void** data), (id, wait, data))
FORWARD(int32_t, detach, (tau_task_id id), (id))
FORWARD(void, task_set_message, (tau_task* task, const char* text, size_t length), (task, text, length))
FORWARD(int32_t, task_message, (tau_task_id id, char* out, size_t capacity), (id, out, capacity))
FORWARD(void*, frame_alloc, (tau_plugin* owner, size_t size), (owner, size))
FORWARD(void, frame_free, (void* frame, size_t size), (frame, size))
FORWARD(void*, shared_alloc, (size_t size), (size))
FORWARD_UNWINDING(int32_t, block_on, (tau_plugin* owner, const tau_task_fns* fns, void* resume, void* data, tau_task_id* out, void** result), (owner, fns, resume, data, out, result))
FORWARD(int32_t, on_loop_thread, (), ())
FORWARD(int32_t, loop_barrier, (), ())

// timer.h
FORWARD(uint64_t, now, (), ())
FORWARD(uint64_t, deadline_after, (uint64_t delay_ns), (delay_ns))
FORWARD(int32_t, sleep_until, (tau_timer* timer, uint64_t deadline_ns), (timer, deadline_ns))
FORWARD(int32_t, sleep, (tau_timer* timer, uint64_t delay_ns), (timer, delay_ns))
FORWARD(void, sleep_cancel, (tau_timer* timer), (timer))
FORWARD(int32_t, clock_pause, (tau_plugin* owner), (owner))
FORWARD(int32_t, clock_advance, (tau_plugin* owner, uint64_t by_ns), (owner, by_ns))
FORWARD(int32_t, clock_resume, (tau_plugin* owner), (owner))

// fiber.h
FORWARD_UNWINDING(int32_t, park, (tau_plugin* owner, tau_parker* parker, uint64_t deadline_ns), (owner, parker, deadline_ns))
FORWARD(void, unpark, (tau_parker* parker), (parker))
FORWARD_UNWINDING(int32_t, cond_wait, (tau_plugin* owner, void* cond, void* mutex, uint64_t deadline_ns), (owner, cond, mutex, deadline_ns))
FORWARD(void, cond_signal, (void* cond), (cond))
FORWARD(void, cond_broadcast, (void* cond), (cond))
FORWARD(int32_t, fiber_start, (tau_plugin* owner, size_t stack_size, void (*entry)(void* argument), void (*ended)(void* argument), void* argument, tau_fiber** out), (owner, stack_size, entry, ended, argument, out))
FORWARD(void, fiber_destroy, (tau_fiber* fiber), (fiber))
FORWARD(int32_t, fls_create, (tau_plugin* owner, void (*destroy)(void* value), tau_fls_key* out), (owner, destroy, out))
FORWARD(int32_t, fls_delete, (tau_fls_key key), (key))
FORWARD(void*, fls_get, (tau_fls_key key), (key))
FORWARD(int32_t, fls_set, (tau_fls_key key, void* value), (key, value))

// io.h
FORWARD(int32_t, io_submit, (tau_io* op), (op))
FORWARD(void, io_cancel, (tau_io* op), (op))
FORWARD(int32_t, fd_register, (tau_plugin* owner, int32_t fd, tau_fd* out), (owner, fd, out))
FORWARD(int32_t, fd_deregister, (tau_fd handle), (handle))
FORWARD(int32_t, fd_wait_ready, (tau_fd handle, tau_fd_wait* wait), (handle, wait))
FORWARD(void, fd_wait_cancel, (tau_fd_wait* wait), (wait))
FORWARD(int32_t, fd_clear, (tau_fd handle, uint32_t events), (handle, events))

// thread.h
FORWARD(int32_t, thread_create, (tau_plugin* owner, void* thread, const void* attributes, void* (*start)(void*), void* argument), (owner, thread, attributes, start, argument))
FORWARD_UNWINDING(int32_t, thread_join, (tau_plugin* owner, const void* thread, void** result, uint64_t deadline_ns), (owner, thread, result, deadline_ns))
FORWARD(int32_t, thread_detach, (const void* thread), (thread))

// pollset.h
FORWARD(int32_t, pollset_create, (tau_plugin* owner, int32_t* set), (owner, set))
FORWARD(int32_t, pollset_ctl, (int32_t set, int32_t operation, int32_t fd, const tau_poll_event* event), (set, operation, fd, event))
FORWARD_UNWINDING(int32_t, pollset_wait, (tau_plugin* owner, int32_t set, tau_poll_event* events, int32_t capacity, int64_t timeout_ns, const void* sigmask), (owner, set, events, capacity, timeout_ns, sigmask))
FORWARD(int32_t, pollset_closing, (int32_t fd), (fd))
FORWARD(void, pollset_opened, (tau_plugin* owner, int32_t fd), (owner, fd))
FORWARD(void, pollset_duplicated, (int32_t fd), (fd))
FORWARD(int32_t, timerfd_create, (int32_t clock, int32_t flags), (clock, flags))
FORWARD(int32_t, timerfd_settime, (int32_t fd, int32_t flags, const void* value, void* old), (fd, flags, value, old))
FORWARD(int32_t, timerfd_gettime, (int32_t fd, void* value), (fd, value))
FORWARD(int64_t, timerfd_read, (int32_t fd, void* buffer, size_t size), (fd, buffer, size))

// buffers.h
FORWARD(int32_t, buffers_create, (tau_plugin* owner, uint32_t count, uint32_t size, tau_buffers* out), (owner, count, size, out))
FORWARD(int32_t, buffers_destroy, (tau_buffers group), (group))
FORWARD(void, buffers_return, (tau_buffers group, uint32_t piece), (group, piece))

// blocking.h
FORWARD(int32_t, spawn_blocking, (tau_job* job), (job))
FORWARD(int32_t, spawn_blocking_cancel, (tau_job* job), (job))
FORWARD(int32_t, thread_atexit, (tau_plugin* owner, void (*destroy)(void* object), void* object), (owner, destroy, object))

// resource.h
FORWARD(int32_t, resource_put, (tau_plugin* owner, const char* name, size_t name_length, uint64_t type, void* object, void (*drop)(void* object)), (owner, name, name_length, type, object, drop))
FORWARD(int32_t, resource_get, (tau_plugin* user, const char* name, size_t name_length, uint64_t type, void** object, tau_resource** out), (user, name, name_length, type, object, out))
FORWARD(int32_t, resource_take, (tau_plugin* user, const char* name, size_t name_length, uint64_t type, void** object, tau_resource** out), (user, name, name_length, type, object, out))
FORWARD(void, resource_release, (tau_resource* reference), (reference))

// event.h
FORWARD(int32_t, event_subscribe, (tau_subscription* subscription, const char* name, size_t name_length, uint64_t type), (subscription, name, name_length, type))
FORWARD(void, event_unsubscribe, (tau_subscription* subscription), (subscription))
FORWARD(int32_t, event_publish, (tau_plugin* owner, const char* name, size_t name_length, uint64_t type, const void* object), (owner, name, name_length, type, object))

// signal.h
FORWARD(int32_t, signal_subscribe, (tau_signal* subscription), (subscription))
FORWARD(void, signal_unsubscribe, (tau_signal* subscription), (subscription))
FORWARD(int32_t, sigaction, (tau_plugin* owner, int32_t number, const struct sigaction* action, struct sigaction* old), (owner, number, action, old))

// process.h
FORWARD(int32_t, process_spawn, (tau_process* process), (process))
FORWARD(void, process_cancel, (tau_process* process), (process))
FORWARD(int32_t, child_wait, (tau_child child, tau_wait* wait), (child, wait))
FORWARD(void, child_wait_cancel, (tau_wait* wait), (wait))
FORWARD(int32_t, child_status, (tau_child child, int32_t* status), (child, status))
FORWARD(int32_t, child_signal, (tau_child child, int32_t number), (child, number))
FORWARD(int32_t, child_release, (tau_child child), (child))

// resolve.h
FORWARD(int32_t, resolve, (tau_lookup* lookup), (lookup))
FORWARD(void, resolve_cancel, (tau_lookup* lookup), (lookup))
FORWARD_UNWINDING(int32_t, resolve_wait, (tau_plugin* owner, const char* host, const char* service, const struct addrinfo* hints, struct addrinfo** found), (owner, host, service, hints, found))

// source.h
FORWARD(int32_t, source_add, (tau_source* source), (source))
FORWARD(void, source_remove, (tau_source* source), (source))

// plugin.h
FORWARD(tau_plugin*, plugin_opening, (), ())
FORWARD(uint64_t, plugin_id, (const tau_plugin* plugin), (plugin))
FORWARD(const char*, plugin_name, (const tau_plugin* plugin), (plugin))
FORWARD(void, plugin_retain, (tau_plugin* plugin), (plugin))
FORWARD(void, plugin_release, (tau_plugin* plugin), (plugin))
FORWARD(uint64_t, plugin_refs, (const tau_plugin* plugin), (plugin))
FORWARD(void, log, (const tau_plugin* plugin, int32_t level, const char* text, size_t length), (plugin, level, text, length))
FORWARD(void, plugin_set_error, (tau_plugin* plugin, const char* text, size_t length), (plugin, text, length))
FORWARD(const char*, request_payload, (const tau_request* request, size_t* length), (request, length))
FORWARD(uint64_t, request_id, (const tau_request* request), (request))
FORWARD(void, request_end, (tau_request* request, int32_t status, const char* text, size_t length), (request, status, text, length))
