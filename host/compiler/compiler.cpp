// See compiler.hpp. One compile: is the stamp still true? Else, under the plugin's lock: workspace, set-up
// if need be, Ninja, audit, publish, stamp. The stamp is read without the lock: it and the module that it
// names are each written aside and renamed.
#include "compiler.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <system_error>

#include "audit.hpp"
#include "build.hpp"
#include "cache.hpp"
#include "diagnostics.hpp"
#include "environment.hpp"
#include "foundation.hpp"
#include "hash.hpp"
#include "home.hpp"
#include "introspect.hpp"
#include "stamp.hpp"
#include "workspace.hpp"

namespace tau::host {
namespace fs = std::filesystem;

namespace {

/// Old modules stay for hosts that are just about to load them.
constexpr std::size_t modules_kept = 3;
/// A plugin that is edited again and again while it is compiled is given up on, without a stamp.
constexpr int attempts = 3;

class Job {
 public:
  Job(const Installation& installation, const CompileRequest& request, const Progress& progress)
      : installation_(installation), request_(request), progress_(progress), cache_(tau_home()) {}

  CompileResult run() {
    if (!find_plugin() || !find_slot()) return std::move(result_);
    if (reuse()) return std::move(result_);
    if (!result_.error.empty()) return std::move(result_);
    build();
    return std::move(result_);
  }

 private:
  bool fail(std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    result_.ok = false;
    result_.error = std::move(text);
    return false;
  }

  bool find_plugin();
  bool find_slot();
  bool reuse();
  void build();
  bool build_once(const Foundation& foundation, const FileLock& lock, Freshness& freshness, bool last);
  bool publish(const ModuleTarget& target, const std::vector<std::string>& headers);
  Stamp take_stamp(const Build& build, const ModuleTarget& target, const std::vector<std::string>& headers) const;
  fs::path real_path(const fs::path& path) const;
  bool is_ours(const fs::path& path) const;
  void write_compile_commands(const Foundation& foundation);

  const Installation& installation_;
  const CompileRequest& request_;
  const Progress& progress_;
  Cache cache_;
  std::string shown_;  // the plugin's path as the user gave it
  fs::path tree_;      // canonical
  Environment environment_;
  Slot slot_;
  CompileResult result_;
};

bool Job::find_plugin() {
  shown_ = request_.source.string();
  while (shown_.size() > 1 && shown_.back() == '/') shown_.pop_back();
  if (shown_.find('\n') != shown_.npos) return fail("the path of a plugin may not contain a line break");
  std::error_code problem;
  tree_ = fs::canonical(request_.source, problem);
  if (problem) {
    return fail("'" + shown_ + "': " + problem.message() + "; name a plugin's source tree or a built module (.so)");
  }
  result_.name = tree_.filename().string();
  if (!fs::is_directory(tree_, problem)) return fail("'" + shown_ + "' is not a plugin: not a folder; name its source tree or a built module (.so)");
  if (!fs::is_regular_file(tree_ / "meson.build", problem)) {
    return fail("'" + shown_ + "' is not a plugin: no meson.build there");
  }
  return true;
}

bool Job::find_slot() {
  std::string error;
  auto environment = find_environment(installation_, error);
  if (!environment) return fail(error);
  environment_ = std::move(*environment);
  slot_ = cache_.slot(environment_, tree_);
  return true;
}

/// True: the module from before will do. An error, too, is left in result_.
bool Job::reuse() {
  const auto text = read_file(slot_.stamp());
  if (!text) return false;
  std::string error;
  for (const fs::path& each : {cache_.folder(), cache_.folder(environment_), slot_.root, slot_.stamp()}) {
    if (!check_private(each, error)) return fail(error);
  }
  const Stamp stamp = Stamp::parse(*text);
  if (stamp.check() != Freshness::fresh) return false;
  for (const fs::path& each : {slot_.modules(), fs::path(stamp.module)}) {
    if (!check_private(each, error)) return fail(error);
  }
  result_.ok = true;
  result_.fresh = true;
  result_.name = stamp.project;
  result_.module = stamp.module;
  result_.compile_commands = slot_.compile_commands();
  // When it was last used; a cache that is only readable does without.
  ::utimensat(AT_FDCWD, slot_.root.c_str(), nullptr, 0);
  return true;
}

void Job::build() {
  std::string error;
  FileLock lock;
  const auto on_wait = [this] {
    if (progress_) progress_("wait for another tau that builds it");
  };
  // Once more, should somebody clean the cache right between the two.
  bool locked = false;
  for (int tries = 0; !locked && tries < 3; ++tries) {
    if (!cache_.open(environment_, error)) break;
    locked = lock.acquire(slot_.lock, request_.stop, on_wait, error);
  }
  if (!locked || !make_private_directory(slot_.root, error) || !make_private_directory(slot_.modules(), error)) {
    fail(error);
    return;
  }
  if (!lock.held()) {
    fail("stopped");
    return;
  }
  // Somebody else may have built it while we waited.
  if (reuse() || !result_.error.empty()) return;
  const auto foundation = find_foundation(environment_, cache_, progress_, request_.stop, error);
  bool changed = false;
  if (!foundation || !write_if_changed(slot_.root / "source", tree_.native(), changed, error)) {
    fail(error);
    return;
  }
  changed = false;
  const Workspace workspace{environment_, slot_, tree_, &*foundation};
  if (!workspace.write(changed, error)) {
    fail(error);
    return;
  }
  auto freshness = Stamp::parse(read_file(slot_.stamp()).value_or("")).check();
  if (changed) freshness = Freshness::start_over;
  for (int attempt = 1; attempt <= attempts; ++attempt) {
    if (build_once(*foundation, lock, freshness, attempt == attempts)) return;
  }
}

/// False: something was missed, and it has to be done over.
bool Job::build_once(const Foundation& foundation, const FileLock& lock, Freshness& freshness, bool last) {
  const Build build(slot_, lock, progress_, request_.stop);
  const Diagnosis diagnosis{environment_, slot_, shown_, tree_};
  std::string error;
  std::error_code ignored;
  const std::int64_t begun_ns = file_clock_ns(slot_.clock(), error);
  if (begun_ns == 0) return fail(error), true;

  if (freshness == Freshness::start_over || !build.is_sound()) {
    fs::remove(slot_.stamp(), ignored);
    if (!Workspace{environment_, slot_, tree_, &foundation}.forget_wraps(error)) return fail(error), true;
    const CommandResult result = build.setup();
    if (!result.ok()) {
      build.condemn();
      const std::string circumstances = diagnosis.of_circumstances(result);
      return fail(circumstances.empty() ? diagnosis.of_setup(result) : circumstances), true;
    }
    write_compile_commands(foundation);
  }
  result_.compile_commands = slot_.compile_commands();
  const auto target = find_module(slot_.build(), error);
  if (!target) {
    build.condemn();
    return fail("'" + shown_ + "': " + error), true;
  }
  result_.name = target->project;

  for (const CompileCommand& each : compile_commands(slot_.build())) {
    if (const auto report = audit_arguments(each.arguments); !report.empty()) {
      build.condemn();
      return fail("'" + shown_ + "': " + report), true;
    }
  }

  const CommandResult result = build.ninja(target->output);
  const auto headers = build.dependencies();
  Stamp stamp = take_stamp(build, *target, headers);
  const bool missed_edit = stamp.newest_ns(slot_.root) >= begun_ns;
  if (!result.ok()) {
    const std::string circumstances = diagnosis.of_circumstances(result);
    fail(circumstances.empty() ? diagnosis.of_build(result) : circumstances);
    // Sources that fail by themselves leave a folder that can be gone on with, and a stamp without a module.
    if (!circumstances.empty() || missed_edit || !write_atomically(slot_.stamp(), stamp.text(), error)) {
      build.condemn();
    }
    return true;
  }
  const bool did_nothing = result.output.find("ninja: no work to do.") != std::string::npos;
  if ((missed_edit || (did_nothing && freshness == Freshness::edited)) && !last) {
    build.condemn();
    freshness = Freshness::start_over;
    return false;
  }
  if (!publish(*target, headers)) {
    build.condemn();
    return true;
  }
  result_.ok = true;
  result_.warnings = diagnosis.warnings(result);
  stamp.project = target->project;
  stamp.module = result_.module.string();
  // Without a stamp the next compile starts over: slower, not wrong.
  if (missed_edit || !stamp.add(Stamp::Kind::output, result_.module) ||
      !write_atomically(slot_.stamp(), stamp.text(), error)) {
    build.condemn();
  }
  return true;
}

bool Job::publish(const ModuleTarget& target, const std::vector<std::string>& headers) {
  const auto content = read_file(slot_.build() / target.output);
  if (!content) return fail("the build made no '" + target.output + "'");
  auto report = audit(environment_.patches, headers, *content);
  if (report.empty()) report = audit_libraries(*content, slot_.build());
  if (!report.empty()) {
    return fail("'" + shown_ + "': " + report);
  }
  result_.module = slot_.modules() / (file_name_for(target.name) + "-" + hash_of(*content) + ".so");
  std::string error;
  bool changed = false;
  if (!write_if_changed(result_.module, *content, changed, error)) return fail(error);

  std::vector<std::pair<std::int64_t, fs::path>> older;
  std::error_code ignored;
  for (fs::directory_iterator it(slot_.modules(), ignored), end; !ignored && it != end; it.increment(ignored)) {
    const auto state = file_state(it->path().c_str());
    if (it->path() != result_.module) older.emplace_back(state ? state->mtime_ns : 0, it->path());
  }
  std::sort(older.rbegin(), older.rend());
  for (std::size_t i = modules_kept - 1; i < older.size(); ++i) fs::remove(older[i].second, ignored);
  return true;
}

/// Ninja's and Meson's paths lead through the workspace; what counts is the file behind them.
fs::path Job::real_path(const fs::path& path) const {
  const fs::path absolute = (path.is_absolute() ? path : slot_.build() / path).lexically_normal();
  const fs::path link = slot_.super() / "subprojects" / "plugin";
  const auto inside = absolute.lexically_relative(link);
  if (inside.empty() || inside.native().rfind("..", 0) == 0) return absolute;
  return inside == "." ? tree_ : tree_ / inside;
}

/// What the environment's hash covers, or what the build itself made.
bool Job::is_ours(const fs::path& path) const {
  const auto below = [&path](const fs::path& folder) {
    return path.native().rfind(folder.native() + "/", 0) == 0;
  };
  if (below(slot_.build()) || below(slot_.super() / "meson.build") || below(cache_.folder(environment_) / "foundation")) {
    return true;
  }
  for (const Patch& patch : environment_.patches) {
    if (below(patch.folder) || below(slot_.super() / "subprojects" / patch.name)) return true;
  }
  return path.parent_path() == slot_.super() || path.parent_path() == slot_.root;
}

Stamp Job::take_stamp(const Build& build, const ModuleTarget& target, const std::vector<std::string>& headers) const {
  Stamp stamp;
  std::string ignored_error;
  std::vector<fs::path> sources;
  for (const std::string& each : headers) sources.push_back(real_path(each));
  for (const std::string& each : build.inputs(target.output)) sources.push_back(real_path(each));
  for (const fs::path& each : target_sources(slot_.build())) sources.push_back(real_path(each));

  std::vector<fs::path> descriptions;
  for (const fs::path& each : build_description_files(slot_.build())) descriptions.push_back(real_path(each));
  for (const fs::path& each : wrap_files(tree_)) descriptions.push_back(each);

  const auto add_all = [&](Stamp::Kind kind, std::vector<fs::path>& paths) {
    std::sort(paths.begin(), paths.end());
    paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
    for (const fs::path& path : paths) {
      if (!is_ours(path)) stamp.add(kind, path);
    }
  };
  add_all(Stamp::Kind::description, descriptions);
  add_all(Stamp::Kind::source, sources);
  for (const fs::path& each : source_folders(tree_)) stamp.add(Stamp::Kind::folder, each);
  stamp.taken_ns = file_clock_ns(slot_.clock(), ignored_error);
  return stamp;
}

/// For clangd: the plugin's own files, by their real paths.
void Job::write_compile_commands(const Foundation& foundation) {
  const std::string link = "../super/subprojects/";
  const std::string subprojects = (slot_.super() / "subprojects").string() + "/";
  std::vector<CompileCommand> mine;
  for (CompileCommand& each : compile_commands(slot_.build())) {
    if (each.file.rfind(link + "plugin/", 0) != 0) continue;
    each.file = real_path(each.file).string();
    std::vector<std::string> words;
    for (std::string& word : each.arguments) {
      // A precompiled header is for the compiler that made it, and the map is not for reading either.
      if (word.rfind("-ffile-prefix-map=", 0) == 0) continue;
      if (!foundation.header.empty() && word == "-include" + foundation.header.string()) continue;
      if (word == "-Wno-invalid-pch") continue;
      const auto redirect = [&word](const std::string& from, const fs::path& to) {
        const auto at = word.find(from);
        if (at == word.npos || (at + from.size() < word.size() && word[at + from.size()] != '/')) return;
        word.replace(at, from.size(), to.string());
      };
      for (const std::string& base : {subprojects, link}) {
        redirect(base + "plugin", tree_);
        for (const Patch& patch : environment_.patches) redirect(base + patch.name, patch.folder);
      }
      words.push_back(std::move(word));
    }
    each.arguments = std::move(words);
    mine.push_back(std::move(each));
  }
  std::string ignored;
  bool changed = false;
  write_if_changed(slot_.compile_commands(), to_json(mine, slot_.build()), changed, ignored);
}

}  // namespace

Installation Installation::find(const fs::path& patches) {
  Installation found;
  std::error_code ignored;
  const fs::path executable = fs::read_symlink("/proc/self/exe", ignored);
  found.root = executable.parent_path().parent_path();
  found.rt_library = found.root / "lib" / "libtau_rt.so";
  found.sources = found.root / "src";
  found.patches_list = patches.empty() ? found.sources / "patches.list" : fs::absolute(patches, ignored);
  return found;
}

Compiler::Compiler(Installation installation) : installation_(std::move(installation)) {}
Compiler::~Compiler() = default;

std::vector<std::string> Compiler::announcement() const {
  std::vector<std::string> lines{"Using prebuilt tau-rt: " + installation_.rt_library.string()};
  std::string ignored;
  if (const auto patches = load_patches(installation_.patches_list, installation_.sources, ignored)) {
    for (const Patch& patch : *patches) lines.push_back("Patching " + patch.name + " → " + patch.folder.string());
  }
  return lines;
}

CompileResult Compiler::compile(const CompileRequest& request, const Progress& progress) const {
  CompileResult result;
  try {
    return Job(installation_, request, progress).run();
  } catch (const std::exception& problem) {
    // Out of memory, or a path that std::filesystem cannot convert.
    result.error = "'" + request.source.string() + "' could not be compiled: " + problem.what();
  }
  return result;
}

}  // namespace tau::host
