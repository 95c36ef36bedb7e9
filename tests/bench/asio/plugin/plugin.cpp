// The workloads in a plugin: a message names one, its answer is the figure.
#include <tau/tau.hpp>

#include <string>

#include "../workloads.hpp"

class AsioBench {
 public:
  std::string request(std::string_view payload) {
    std::string what(payload);
    std::erase(what, '"');
    return workloads::run_as_told(what);
  }
};
TAU_DEFINE_PLUGIN(AsioBench)
