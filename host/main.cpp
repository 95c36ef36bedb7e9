// Flags in, exit code out.
#include <cstdio>
#include <string>
#include <vector>

#include "cli/discovery.hpp"
#include "cli/install.hpp"
#include "cli/launch.hpp"
#include "cli/options.hpp"

using namespace tau::host;

namespace {

int install(const Options& options) {
  const InstallResult result = install_plugin(options.install_source, tau_home());
  if (!result.ok) {
    std::fprintf(stderr, "tau: %s\n", result.error.c_str());
    return 1;
  }
  std::printf("installed %s\n", result.installed.c_str());
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  restore_library_path();
  const ParsedOptions parsed =
      parse_options(std::vector<std::string>(arguments + 1, arguments + argument_count), TAU_VERSION);
  if (!parsed.options) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == 0 ? stdout : stderr);
    return parsed.exit_code;
  }
  if (parsed.options->command == Command::install) return install(*parsed.options);
  return 0;
}
