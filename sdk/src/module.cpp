// The hidden part of every module: its note, its owner, and its destructors.
//
// Compiled into each plugin (I3); nothing here is visible outside. What it takes from the C and C++
// libraries are the two lists of destructors, since entries there outlive a module or pin it:
//
//   thread_local objects   libc counts a module's entries and keeps it mapped as long as one thread has
//                          not ended; the loop's thread never does. Here they go to the host, which
//                          runs them before it closes the module.
//   static objects         libc keeps a slot of its table for each, and leaks it when generations of a
//                          plugin overlap. Here they go to a list of this module.
//
// Order of a module's life: `opened` is the first of its constructors, `closed` the last of its
// destructors; both stand in the arrays by hand, because the priorities that come first and last are
// reserved for the implementation, and an implementation is what this is.
#include <pthread.h>
#include <stdlib.h>
#include <tau/detail/abi_note.hpp>
#include <tau/detail/module.hpp>
#include <tau/rt/blocking.h>
#include <tau/rt/plugin.h>

#define TAU_HIDDEN __attribute__((visibility("hidden"), used))

extern "C" {

extern __attribute__((visibility("hidden"))) const tau::detail::ModuleAbiNote tau_module_abi_note;
__attribute__((section(".note.tau.abi"), used, aligned(4)))
constinit const tau::detail::ModuleAbiNote tau_module_abi_note{tau::detail::module_abi_text()};

// Known before any other constructor runs; null when the module was not opened by a host.
TAU_HIDDEN constinit tau_plugin* tau_module_owner = nullptr;

TAU_HIDDEN int __cxa_atexit(void (*destroy)(void*), void* object, void* module);
TAU_HIDDEN int __cxa_thread_atexit(void (*destroy)(void*), void* object, void* module);
}

namespace {

struct Exit {
  Exit* older;
  void (*destroy)(void*);
  void* object;
};

// Most modules stay within these and allocate nothing. A slot is used once.
Exit first_exits[32];
unsigned first_exits_used = 0;
Exit* newest_exit = nullptr;
bool closing = false;
pthread_mutex_t exits_mutex = PTHREAD_MUTEX_INITIALIZER;  // statics in functions begin on any thread

bool is_first(const Exit* exit) { return exit >= first_exits && exit < first_exits + 32; }

int add_exit(void (*destroy)(void*), void* object) {
  pthread_mutex_lock(&exits_mutex);
  Exit* exit = first_exits_used < 32 ? &first_exits[first_exits_used++]
                                     : static_cast<Exit*>(malloc(sizeof(Exit)));
  if (exit != nullptr) {
    *exit = {newest_exit, destroy, object};
    newest_exit = exit;
  }
  pthread_mutex_unlock(&exits_mutex);
  return exit != nullptr ? 0 : -1;
}

void opened() { tau_module_owner = tau_plugin_opening(); }

// Newest first. A destructor may register more (a static that begins only now): they are next.
void closed() {
  pthread_mutex_lock(&exits_mutex);
  closing = true;
  while (Exit* exit = newest_exit) {
    newest_exit = exit->older;
    const Exit copy = *exit;
    if (!is_first(exit)) free(exit);
    pthread_mutex_unlock(&exits_mutex);
    copy.destroy(copy.object);
    pthread_mutex_lock(&exits_mutex);
  }
  pthread_mutex_unlock(&exits_mutex);
}

// Constructors run from the first entry on, destructors from the last entry back; the linker sorts by
// the number.
__attribute__((section(".init_array.00000"), used)) void (*first_constructor)() = opened;
__attribute__((section(".fini_array.00000"), used)) void (*last_destructor)() = closed;

}  // namespace

// Also reached by atexit(), whose part in the module calls it with a null object.
int __cxa_atexit(void (*destroy)(void*), void* object, void*) { return add_exit(destroy, object); }

// A thread_local that begins while the module is being closed cannot wait for its thread's end: it
// goes to the list that is being run.
int __cxa_thread_atexit(void (*destroy)(void*), void* object, void*) {
  pthread_mutex_lock(&exits_mutex);
  const bool now_or_never = closing;
  pthread_mutex_unlock(&exits_mutex);
  // The host says so, too: the module's other destructors run before closed() does.
  const int32_t status = now_or_never ? TAU_E_UNLOADING : tau_thread_atexit(tau_module_owner, destroy, object);
  if (status == TAU_E_UNLOADING) return add_exit(destroy, object);
  return status < 0 ? -1 : 0;
}
