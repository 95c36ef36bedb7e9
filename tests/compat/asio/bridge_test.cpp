// Plays the bridge's cases, as runner_test.cpp does the others', and unloads modules in the middle of everything that
// the bridge can have suspended.
#include "playing.hpp"

using namespace asio_cases;

namespace {

void play_bridge(const std::string& module, Way way) {
  Heard heard;
  play_all(module, way, 20);
}

/// One case on request, to its end.
void play_to_its_end(const std::string& module, const char* name) {
  Heard heard;
  Together t{module.c_str()};
  for (int i = 0; i < times(); ++i) {
    Play play(t.l, t.patience, t.ticker, module, Way::task, name);
    t.until(play.run.ended);
    CHECK(play.run.played == 1);
    t.end(play);
    CHECK(heard.take() == "");
  }
}

/// Unloaded where it waits for an hour, while the other flavour goes on.
void unload_amid(const std::string& module, const std::string& other, const char* name) {
  Heard heard;
  Together t{module.c_str(), other.c_str()};
  for (int i = 0; i < times(); ++i) {
    for (const Way way : {Way::task, Way::fiber, Way::init}) {
      CAPTURE(name_of(way));
      Play goes_on(t.l, t.patience, t.ticker, other, Way::task, "from one world to the other and back, twenty deep");
      const State before;
      {
        Play play(t.l, t.patience, t.ticker, module, way == Way::init ? Way::task : way, name);
        t.until(play.run.waiting);
        t.end(play);
      }
      CHECK(heard.take() == "");
      t.until(goes_on.run.ended);
      t.end(goes_on);
      want_nothing_more(before);
    }
  }
}

}  // namespace

#define EACH_FLAVOUR(flavour, other)                                                                              \
  TEST_CASE(flavour ": cases in plugin_init") { play_bridge(flavour "_bridge", Way::init); }                      \
  TEST_CASE(flavour ": cases in a task") { play_bridge(flavour "_bridge", Way::task); }                           \
  TEST_CASE(flavour ": cases on a fiber") { play_bridge(flavour "_bridge", Way::fiber); }                         \
  TEST_CASE(flavour ": the plugin's context and other threads") {                                                 \
    play_to_its_end(flavour "_bridge",                                                                            \
                    "the plugin's context is refused to a thread that is the first to ask for it");               \
  }                                                                                                               \
  TEST_CASE(flavour ": the plugin's context is stopped") {                                                        \
    play_to_its_end(flavour "_bridge", "the plugin's context can be stopped, which ends it");                     \
  }                                                                                                               \
  TEST_CASE("together: " flavour " is unloaded amid everything that the bridge has suspended") {              \
    unload_amid(flavour "_bridge", other "_bridge",                                                               \
                "waits for an hour with everything suspended that the bridge has");                               \
    unload_amid(flavour "_bridge", other "_bridge", "stops its own context at once and waits for an hour");       \
  }                                                                                                               \
  TEST_CASE("together: " flavour " is unloaded amid operations of a context that a thread runs") {            \
    unload_amid(flavour "_bridge", other "_bridge",                                                               \
                "waits for an hour for operations of a context that a thread runs");                              \
  }

EACH_FLAVOUR("asio", "boost_asio")
EACH_FLAVOUR("boost_asio", "asio")
