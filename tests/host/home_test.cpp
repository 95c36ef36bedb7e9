// The environment is the process's own: one case changes it, and puts it back.
#include <home.hpp>

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>

using namespace tau::host;

namespace {

class Variable {
 public:
  explicit Variable(const char* name) : name_(name) {
    if (const char* value = getenv(name)) before_ = value;
  }
  ~Variable() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  void set(const char* value) { setenv(name_, value, 1); }
  void unset() { unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("TAU_HOME says where the home is, then HOME, then the user database") {
  Variable tau("TAU_HOME");
  Variable home("HOME");
  tau.set("/some/where");
  CHECK(tau_home() == "/some/where");
  tau.set("relative");
  CHECK(tau_home() == std::filesystem::current_path() / "relative");

  tau.set("");
  home.set("/home/somebody");
  CHECK(tau_home() == "/home/somebody/.tau");
  tau.unset();
  CHECK(tau_home() == "/home/somebody/.tau");

  for (const char* useless : {"", "relative"}) {
    home.set(useless);
    CHECK((tau_home().empty() || (tau_home().is_absolute() && tau_home().filename() == ".tau")));
  }
}
