// TAU_ASSERT: a bug of ours. TAU_REQUIRE: a bug of the caller's. Both print and abort, in every build.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TAU_CHECK_(kind, condition, text)                                                        \
  do {                                                                                           \
    if (!(condition)) [[unlikely]] {                                                             \
      std::fprintf(stderr, "tau: " kind ": %s (%s) at %s:%d\n", text, #condition, __FILE__, __LINE__); \
      std::abort();                                                                              \
    }                                                                                            \
  } while (false)

#define TAU_ASSERT(condition, text) TAU_CHECK_("internal error", condition, text)
#define TAU_REQUIRE(condition, text) TAU_CHECK_("misuse", condition, text)
