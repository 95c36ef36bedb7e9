// The workloads in a plugin: a message names one, its answer is the figure.
#include <tau/tau.hpp>

#include <string>

#include "../workloads.hpp"

class AsioBench {
 public:
  std::string request(std::string_view payload) {
    std::string name(payload);
    std::erase(name, '"');
    return "{\"bench\":\"" + name + "\",\"ns\":" + std::to_string(workloads::run(name)) + "}";
  }
};
TAU_DEFINE_PLUGIN(AsioBench)
