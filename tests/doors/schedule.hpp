// Schedules: who takes the next step. Each is a list of choices, made by searching or by lot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace tau::doors {

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// Goes on to the next schedule; false if there is none.
  virtual bool next() = 0;
  /// Which of `count` threads runs. The first is the one that runs now, if `going_on`.
  virtual unsigned choose(const unsigned* threads, unsigned count, bool going_on) = 0;
  virtual bool fails_spuriously() = 0;
  /// How to play this one again.
  virtual std::string name() const = 0;
};

/// Depth first through every schedule with a bounded number of preemptions.
class EverySchedule final : public Schedule {
 public:
  EverySchedule(unsigned preemptions, unsigned spurious) : most_preemptions_(preemptions), most_spurious_(spurious) {}

  bool next() override {
    // The first one is all zeroes; then the last choice that can be another is.
    while (!path_.empty() && path_.back().taken + 1 == path_.back().count) path_.pop_back();
    if (path_.empty() && begun_) return false;
    if (!path_.empty()) ++path_.back().taken;
    begun_ = true;
    at_ = 0;
    preemptions_ = 0;
    spurious_ = 0;
    return true;
  }
  unsigned choose(const unsigned*, unsigned count, bool going_on) override {
    if (count == 1 || (going_on && preemptions_ == most_preemptions_)) return 0;
    const unsigned taken = decide(count);
    if (going_on && taken != 0) ++preemptions_;
    return taken;
  }
  bool fails_spuriously() override {
    if (spurious_ == most_spurious_ || decide(2) == 0) return false;
    ++spurious_;
    return true;
  }
  std::string name() const override {
    std::string text = "choices";
    for (const Choice& choice : path_) text += ' ' + std::to_string(choice.taken);
    return text;
  }

 private:
  struct Choice {
    unsigned taken;
    unsigned count;
  };

  unsigned decide(unsigned count) {
    if (at_ == path_.size()) path_.push_back({0, count});
    // The scenario depends on something else than the schedule, and could not be repeated.
    if (path_[at_].count != count) std::abort();
    return path_[at_++].taken;
  }

  const unsigned most_preemptions_;
  const unsigned most_spurious_;
  std::vector<Choice> path_;
  std::size_t at_ = 0;
  unsigned preemptions_ = 0;
  unsigned spurious_ = 0;
  bool begun_ = false;
};

/// By lot: the thread with the highest priority runs, and at a few steps the one that runs becomes the
/// lowest. Finds a race that needs d orderings with a probability of at least 1 / (threads * steps^(d-1)).
class RandomSchedule final : public Schedule {
 public:
  RandomSchedule(std::uint64_t seed, std::uint64_t count) : seed_(seed), left_(count) {}

  bool next() override {
    if (left_ == 0) return false;
    --left_;
    random_.seed(seed_++);
    length_ = std::max(length_, step_ + 1);
    step_ = 0;
    for (std::uint64_t& priority : priorities_) priority = 1000 + random_() % 1000;
    for (std::uint64_t& change : changes_) change = random_() % length_;
    return true;
  }
  unsigned choose(const unsigned* threads, unsigned count, bool going_on) override {
    ++step_;
    for (unsigned i = 0; i < changes; ++i) {
      if (changes_[i] == step_ && going_on) priorities_[threads[0] % most_threads] = i;
    }
    unsigned best = 0;
    for (unsigned i = 1; i < count; ++i) {
      if (priorities_[threads[i] % most_threads] > priorities_[threads[best] % most_threads]) best = i;
    }
    return best;
  }
  bool fails_spuriously() override { return random_() % 32 == 0; }
  std::string name() const override { return "TAU_SEED=" + std::to_string(seed_ - 1); }

 private:
  static constexpr unsigned changes = 4;
  static constexpr unsigned most_threads = 8;

  std::uint64_t seed_;
  std::uint64_t left_;
  std::mt19937_64 random_;
  std::uint64_t step_ = 0;
  std::uint64_t length_ = 1;  // of the longest so far
  std::uint64_t priorities_[most_threads] = {};
  std::uint64_t changes_[changes] = {};
};

}  // namespace tau::doors
