// The loop of the runtime: whoever it waits for is noticed, whichever door he comes through.
#include "rig.hpp"

using namespace tau::doors;
using tau::host::RemoteCall;

namespace {

/// Other threads do something that the loop's caller waits for, and tell the loop.
template <class Tell>
Scenario waited_for(int threads, Tell tell) {
  return [=](Play& play) {
    Rig rig(play);
    int done = 0;
    struct Call : RemoteCall {
      int* done;
    };
    std::vector<Call> calls(static_cast<std::size_t>(threads));
    for (Call& call : calls) {
      call.arrive = [](RemoteCall* self) { ++*static_cast<Call*>(self)->done; };
      call.done = &done;
      play.thread("other", [&] { tell(rig, call, done); });
    }
    play.thread("loop", [&] {
      rig.runtime.run_until([&] { return done == threads || rig.reactor.quiet; });
      play.require(!rig.reactor.quiet, "the loop sleeps though what its caller waits for has happened");
    });
    play.run();
  };
}

// As a signal handler, or whoever gives a guard back.
const auto by_nudge = [](Rig& rig, auto&, int& done) {
  ++done;
  rig.runtime.remote.nudge();
};
// As a thread that has finished something.
const auto by_call = [](Rig& rig, auto& call, int&) { rig.runtime.remote.push(&call); };

}  // namespace

TEST_CASE("a loop that waits for another thread's doing does not sleep over it") {
  explore_all("a nudge", every, waited_for(1, by_nudge));
  explore_all("a call", every, waited_for(1, by_call));
  explore_all("two nudges", 3, waited_for(2, by_nudge));
  explore_all("two calls", 3, waited_for(2, by_call));
}
