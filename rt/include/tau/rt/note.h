/* The ABI note of a plugin written in C: include it in exactly one of the plugin's source files.
 *
 * The host runs nothing of a module whose file does not say how it was compiled. The sdk writes the
 * note of a C++ plugin; this is the shorter one of a plugin that uses nothing but the C ABI: what only
 * C++ knows is left out and not compared, and `lang=c` says so. A C plugin that is built by
 * dependency('tau') has the sdk's note already and may include this or not. */
#ifndef TAU_RT_NOTE_H
#define TAU_RT_NOTE_H

#include "abi.h"

#ifdef __cplusplus
#error "tau/rt/note.h is for plugins in C; a C++ plugin gets its note by dependency('tau')"
#endif

#define TAU_NOTE_TEXT_(x) #x
#define TAU_NOTE_TEXT(x) TAU_NOTE_TEXT_(x)

#ifdef __has_feature
#define TAU_NOTE_FEATURE(x) __has_feature(x)
#else
#define TAU_NOTE_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || TAU_NOTE_FEATURE(address_sanitizer)
#define TAU_NOTE_ASAN "1"
#else
#define TAU_NOTE_ASAN "0"
#endif

#if defined(__SANITIZE_THREAD__) || TAU_NOTE_FEATURE(thread_sanitizer)
#define TAU_NOTE_TSAN "1"
#else
#define TAU_NOTE_TSAN "0"
#endif

#ifdef __CHAR_UNSIGNED__
#define TAU_NOTE_CHAR "unsigned"
#else
#define TAU_NOTE_CHAR "signed"
#endif

#ifdef __clang__
#define TAU_NOTE_COMPILER "clang " __clang_version__
#else
#define TAU_NOTE_COMPILER "gcc " __VERSION__
#endif

/* clang-format off */
#define TAU_C_PLUGIN_NOTE                        \
  "lang=c\n"                                     \
  "abi=" TAU_NOTE_TEXT(TAU_ABI_VERSION) "\n"     \
  "asan=" TAU_NOTE_ASAN "\n"                     \
  "tsan=" TAU_NOTE_TSAN "\n"                     \
  "char=" TAU_NOTE_CHAR "\n"                     \
  "~compiler=" TAU_NOTE_COMPILER "\n"
/* clang-format on */

enum { TAU_NOTE_SIZE = (sizeof TAU_C_PLUGIN_NOTE + 3) / 4 * 4 };

struct tau_c_plugin_note {
  uint32_t name_size;
  uint32_t text_size;
  uint32_t type;
  char name[4];
  char text[TAU_NOTE_SIZE];
};

/* Static, so that it may stand beside the sdk's note: then both are compared. */
__attribute__((section(".note.tau.abi"), used, aligned(4)))
static const struct tau_c_plugin_note tau_c_plugin_abi_note = {4, TAU_NOTE_SIZE, 1, "tau", TAU_C_PLUGIN_NOTE};

#endif
