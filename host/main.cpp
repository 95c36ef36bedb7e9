// Flags in, exit code out.
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/launch.hpp"
#include "cli/options.hpp"
#include "session/bench.hpp"
#include "session/commands.hpp"

using namespace tau::host;

int main(int argument_count, char** arguments) {
  restore_library_path();
  // A reader that hangs up, ours or a plugin's peer, is an error of the write, not the end of the host.
  std::signal(SIGPIPE, SIG_IGN);
  const ParsedOptions parsed =
      parse_options(std::vector<std::string>(arguments + 1, arguments + argument_count), TAU_VERSION);
  if (!parsed.options) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  const Options& options = *parsed.options;
  switch (options.command) {
    case Command::run: return command_run(options);
    case Command::script: return command_script(options);
    case Command::cache: return command_cache(options);
    case Command::info: return command_info(options, TAU_VERSION);
    case Command::bench: return command_bench(options);
    case Command::install: return command_install(options);
  }
  return 2;
}
