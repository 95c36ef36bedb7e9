// What is compiled and started when that is measured: it says so, and has nothing to stay for.
#include <tau/tau.hpp>

class BenchStart {
 public:
  BenchStart() { tau::print("started, edition ", edition); }

 private:
  static constexpr int edition = 0;  // the line that is edited
};

TAU_DEFINE_PLUGIN(BenchStart)
