// git is started by argument list, never through a shell, and only with transports that fetch: its ext::
// transport would run whatever command a URL names.
#include "cli/install.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <vector>

extern "C" char** environ;

namespace tau::host {
namespace {

namespace fs = std::filesystem;

enum class Kind { local, git, unknown };

struct Source {
  Kind kind = Kind::unknown;
  std::string where;  // what git or the copy takes
  std::string name;   // the plugin's folder
};

bool is_name(std::string_view text) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.front() != '.' && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), allowed);
}

bool is_git_url(std::string_view text) {
  constexpr std::array<std::string_view, 5> schemes{"https://", "http://", "ssh://", "git://", "file://"};
  for (const std::string_view scheme : schemes) {
    if (text.starts_with(scheme)) return text.size() > scheme.size();
  }
  // user@host:path
  const std::size_t at = text.find('@');
  const std::size_t colon = text.find(':');
  return at != std::string_view::npos && colon != std::string_view::npos && at != 0 && at < colon &&
         text.front() != '-' && text.find("::") == std::string_view::npos && text.find("//") == std::string_view::npos;
}

bool is_user_and_repo(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

std::string last_name(std::string_view text) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  text.remove_prefix(text.find_last_of("/:") + 1);  // npos + 1 is 0
  if (text.ends_with(".git")) text.remove_suffix(4);
  return std::string(text);
}

Source understand(const std::string& text) {
  std::error_code ignored;
  if (fs::exists(text, ignored)) {
    const fs::path path = fs::canonical(text, ignored);
    return {Kind::local, path.string(), path.filename().string()};
  }
  if (is_git_url(text)) return {Kind::git, text, last_name(text)};
  if (is_user_and_repo(text)) return {Kind::git, "https://github.com/" + text + ".git", last_name(text)};
  return {Kind::unknown, text, {}};
}

/// A scratch folder beside the final place; removed unless it was renamed away.
class Staging {
 public:
  explicit Staging(const fs::path& plugins) : path_((plugins / ".installing-XXXXXX").string()) {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  bool made() const { return !path_.empty(); }
  fs::path tree() const { return fs::path(path_) / "tree"; }

 private:
  std::string path_;
};

/// Runs git, its output on our standard error. Its exit code, or -errno when it could not be started.
int run_git(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "git");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  std::string protocols = "GIT_ALLOW_PROTOCOL=https:http:ssh:git:file";
  std::vector<char*> environment{protocols.data()};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("GIT_ALLOW_PROTOCOL=")) environment.push_back(*entry);
  }
  environment.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  // We ignore SIGPIPE; git is not used to that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, "git", &actions, &attributes, argv.data(), environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return -problem;

  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Fetches the source to `tree`; empty, or what went wrong.
std::string fetch(const Source& source, const fs::path& tree) {
  if (source.kind == Kind::git) {
    const int code = run_git({"clone", "--depth=1", "--recurse-submodules", "--shallow-submodules", "--",
                              source.where, tree.string()});
    if (code == -ENOENT) return "git is not installed; install it, or give a local path";
    if (code < 0) return std::string("git could not be started: ") + std::strerror(-code);
    if (code != 0) return "git could not clone " + source.where + " (its own message is above)";
    return {};
  }
  std::error_code error;
  fs::copy(source.where, tree, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  if (error) return "copying " + source.where + " failed: " + error.message();
  return {};
}

/// Why `source` cannot be installed at all; empty if it may be tried.
std::string objection(const std::string& text, const Source& source, const fs::path& plugins) {
  std::error_code ignored;
  if (source.kind == Kind::unknown) {
    return "'" + text + "' is neither a path that exists, nor a git URL, nor USER/REPO on GitHub";
  }
  if (!is_name(source.name)) {
    return "'" + source.name + "' cannot be a plugin's name; rename the folder to letters, digits, - _ and .";
  }
  if (source.kind == Kind::local) {
    if (!fs::is_directory(source.where, ignored)) {
      return source.where + " is not a folder; install takes source trees, a module runs with --plugin";
    }
    if (!fs::is_regular_file(fs::path(source.where) / "meson.build", ignored)) {
      return source.where + " has no meson.build, so it is not a plugin's source tree";
    }
    const fs::path inside = fs::weakly_canonical(plugins, ignored).lexically_relative(source.where);
    if (!inside.empty() && *inside.begin() != "..") {
      return source.where + " contains " + plugins.string() + ", the place it would be copied to";
    }
  }
  if (const fs::path place = plugins / source.name; fs::exists(fs::symlink_status(place, ignored))) {
    return place.string() + " exists already; remove it first, or run that one";
  }
  return {};
}

InstallResult failure(std::string error) { return {false, {}, std::move(error)}; }

}  // namespace

InstallResult install_plugin(const std::string& text, const fs::path& home) {
  if (home.empty()) return failure("there is no home directory; set TAU_HOME");
  const fs::path plugins = home / "plugins";
  const Source source = understand(text);
  if (std::string why = objection(text, source, plugins); !why.empty()) return failure(std::move(why));

  std::error_code error;
  fs::create_directories(plugins, error);
  if (error) return failure("cannot make " + plugins.string() + ": " + error.message());
  const Staging staging(plugins);
  if (!staging.made()) return failure("cannot write to " + plugins.string() + ": " + std::strerror(errno));

  if (std::string why = fetch(source, staging.tree()); !why.empty()) return failure(std::move(why));
  if (!fs::is_regular_file(staging.tree() / "meson.build", error)) {
    return failure(source.where + " has no meson.build, so it is not a plugin's source tree");
  }
  const fs::path place = plugins / source.name;
  fs::rename(staging.tree(), place, error);
  if (error) return failure("cannot put it at " + place.string() + ": " + error.message());
  return {true, place, {}};
}

}  // namespace tau::host
