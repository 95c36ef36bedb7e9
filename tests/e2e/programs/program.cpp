// A program as a plugin. Its own source is compiled beside this file as it is, and its main() is called in run(), with
// the words of the environment variable that has the program's name.
#include <tau/tau.hpp>

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

// The language forbids to call main(), not to call a function that has its name.
int program_main(int count, char** arguments) __asm__("main");

class Program {
 public:
  tau::Task<void> run() {
    const char* given = std::getenv(PROGRAM);
    std::istringstream words(given ? given : "");
    std::vector<std::string> kept{PROGRAM};
    for (std::string word; words >> word;) kept.push_back(word);
    std::vector<char*> arguments;
    for (std::string& word : kept) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    tau::print("main() is called");
    tau::print("main() returned ", program_main(static_cast<int>(kept.size()), arguments.data()));
    co_return;
  }
};

TAU_DEFINE_PLUGIN(Program)
