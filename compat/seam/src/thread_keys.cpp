// Thread keys hold a value for each fiber: what a library keeps in one while it runs on a stack is that stack's.
#include <pthread.h>
#include <tau/rt/fiber.h>

#include "seam.hpp"

static_assert(sizeof(pthread_key_t) == sizeof(tau_fls_key));

TAU_SEAM int pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) noexcept {
  tau_fls_key made = 0;
  const std::int32_t status = tau_fls_create(tau::seam::owner, destroy, &made);
  if (status < 0) return status == TAU_E_NO_MEMORY ? ENOMEM : EAGAIN;
  *key = made;
  return 0;
}

TAU_SEAM int pthread_key_delete(pthread_key_t key) noexcept { return tau_fls_delete(key) < 0 ? EINVAL : 0; }

TAU_SEAM void* pthread_getspecific(pthread_key_t key) noexcept { return tau_fls_get(key); }

TAU_SEAM int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
  const std::int32_t status = tau_fls_set(key, const_cast<void*>(value));
  return status < 0 ? status == TAU_E_NO_MEMORY ? ENOMEM : EINVAL : 0;
}
