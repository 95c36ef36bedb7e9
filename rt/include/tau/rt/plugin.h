/* Plugins: what a module exports, and what it may ask about itself. */
#ifndef TAU_RT_PLUGIN_H
#define TAU_RT_PLUGIN_H

#include "abi.h"

TAU_EXTERN_C_BEGIN

/* ---- exported by a module; all run on the loop's thread --------------------------------------- */

/* One message from the host, answered at most once. Host memory; it lives until tau_request_end. */
typedef struct tau_request tau_request;

/* Required. Returns 0, or a negative status after which plugin_destroy is not called. */
TAU_EXPORT int32_t plugin_init(tau_plugin* self) TAU_NOEXCEPT;
/* Required. Joins what threads it started, lets go of what it holds. */
TAU_EXPORT void plugin_destroy(tau_plugin* self) TAU_NOEXCEPT;
/* Optional: answers messages; a module that answers none does not export it, and TAU_DEFINE_PLUGIN
 * exports it only for a class that has request(). The module owns `request` and ends it exactly once,
 * now or later; one that is still open when the plugin is unloaded is ended by the host. */
TAU_EXPORT void plugin_request(tau_plugin* self, tau_request* request) TAU_NOEXCEPT;

/* ---- asked of the host ------------------------------------------------------------------------- */

/* The plugin whose module is being opened, initialised, destroyed or closed on this thread; null
 * otherwise. Static constructors learn their owner from it. [any] */
TAU_EXPORT tau_plugin* tau_plugin_opening(void) TAU_NOEXCEPT;

/* Small and unique within the process, counted from 1 in load order. [any] [inert] */
TAU_EXPORT uint64_t tau_plugin_id(const tau_plugin* plugin) TAU_NOEXCEPT;
/* Host memory, valid as long as `plugin`. [any] */
TAU_EXPORT const char* tau_plugin_name(const tau_plugin* plugin) TAU_NOEXCEPT;

/* Guard count: while it is above zero the module stays mapped. [any] [pins] */
TAU_EXPORT void tau_plugin_retain(tau_plugin* plugin) TAU_NOEXCEPT;
TAU_EXPORT void tau_plugin_release(tau_plugin* plugin) TAU_NOEXCEPT;
TAU_EXPORT uint64_t tau_plugin_refs(const tau_plugin* plugin) TAU_NOEXCEPT;

enum { TAU_LOG_PLAIN = 0, TAU_LOG_DEBUG, TAU_LOG_INFO, TAU_LOG_WARN, TAU_LOG_ERROR };
/* Prints one line, prefixed with the plugin's name. The text is copied. [any] [inert] */
TAU_EXPORT void tau_log(const tau_plugin* plugin, int32_t level, const char* text,
                        size_t length) TAU_NOEXCEPT;

/* Why plugin_init is about to fail; shown by the host. The text is copied. [loop] [inert] */
TAU_EXPORT void tau_plugin_set_error(tau_plugin* plugin, const char* text,
                                     size_t length) TAU_NOEXCEPT;

/* The message's payload, JSON text; valid until tau_request_end. [loop] */
TAU_EXPORT const char* tau_request_payload(const tau_request* request, size_t* length) TAU_NOEXCEPT;
TAU_EXPORT uint64_t tau_request_id(const tau_request* request) TAU_NOEXCEPT;
/* Ends a request: with an answer (status 0), without one (text null), or with an error text
 * (status < 0). The text is copied. [loop] */
TAU_EXPORT void tau_request_end(tau_request* request, int32_t status, const char* text,
                                size_t length) TAU_NOEXCEPT;

TAU_EXTERN_C_END

#endif
