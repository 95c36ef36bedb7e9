// Console: whole lines on standard output, whoever prints them.
//
// Written straight to the descriptor, a line with one write(2), so that nothing waits in a buffer when
// the process dies and lines of different threads never mix. iostreams do neither.
#pragma once

#include <string_view>

namespace tau::host::console {

/// Prints `[prefix] text` on standard output. A text of several lines becomes as many lines, each with
/// the prefix, and nobody else's between them; a newline at its end is not one more.
/// A reader that is slow is waited for; one that is gone loses the line. [any], takes a lock.
void line(std::string_view prefix, std::string_view text) noexcept;

/// The same on standard error.
void error_line(std::string_view prefix, std::string_view text) noexcept;

}  // namespace tau::host::console
