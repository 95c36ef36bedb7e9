// Resources: names, references, and objects whose drop turns around and calls the registry again.
#include "registry/resources.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace tau::host;

namespace {

constexpr std::uint64_t type_a = 0xa;
constexpr std::uint64_t type_b = 0xb;

std::vector<Owner*> released;

struct World {
  Resources resources{[](Owner* owner) { released.push_back(owner); }};
  std::unique_ptr<Owner> alice = owner(1, "alice");
  std::unique_ptr<Owner> bob = owner(2, "bob");

  World() { released.clear(); }
  ~World() {
    for (Owner* one : {alice.get(), bob.get()}) {
      unload(*one);
      CHECK(one->resources == 0);
      CHECK(one->refs == 0);
    }
  }

  static std::unique_ptr<Owner> owner(std::uint64_t id, std::string name) {
    auto made = std::make_unique<Owner>();
    made->id = id;
    made->name = std::move(name);
    made->phase = Phase::running;
    return made;
  }
  void unload(Owner& one) {
    one.phase = Phase::unloading;
    resources.drop_owner(one);
  }
};

// An object that counts its drops and then does what the test wants.
struct Thing {
  int drops = 0;
  void (*then)(Thing&) = nullptr;
  World* world = nullptr;
  tau_resource* held = nullptr;
  std::uint64_t refs_during_drop = 0;

  static void drop(void* object) {
    auto& thing = *static_cast<Thing*>(object);
    ++thing.drops;
    if (thing.world != nullptr) thing.refs_during_drop = thing.world->alice->refs;
    if (thing.then != nullptr) thing.then(thing);
  }
};

struct Got {
  std::int32_t status;
  void* object = nullptr;
  tau_resource* reference = nullptr;
};

Got get(World& world, Owner& user, std::string_view name, std::uint64_t type = type_a) {
  Got got{};
  got.status = world.resources.get(user, name, type, &got.object, &got.reference);
  return got;
}

Got take(World& world, Owner& user, std::string_view name, std::uint64_t type = type_a) {
  Got got{};
  got.status = world.resources.take(user, name, type, &got.object, &got.reference);
  return got;
}

}  // namespace

TEST_CASE("what was put can be had by name and type") {
  Thing thing;
  World world;
  CHECK(world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop) == TAU_OK);
  CHECK(world.alice->resources == 1);
  CHECK(world.resources.owner_of("thing") == world.alice.get());

  const Got got = get(world, *world.bob, "thing");
  CHECK(got.status == TAU_OK);
  CHECK(got.object == &thing);
  CHECK(world.alice->refs == 1);
  CHECK(world.resources.holders(*world.alice) == std::vector<std::string>{"bob"});
  const auto listing = world.resources.list();
  REQUIRE(listing.size() == 1);
  CHECK(listing[0].name == "thing");
  CHECK(listing[0].owner == "alice");
  CHECK(listing[0].references == 1);

  world.resources.release(got.reference);
  CHECK(world.alice->refs == 0);
  CHECK(released == std::vector<Owner*>{world.alice.get()});
  CHECK(thing.drops == 0);

  world.unload(*world.alice);
  CHECK(thing.drops == 1);
}

TEST_CASE("failures are named and leave outputs untouched") {
  Thing thing;
  World world;
  CHECK(world.resources.put(*world.alice, "", type_a, &thing, Thing::drop) == TAU_E_INVALID);
  CHECK(world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop) == TAU_OK);
  CHECK(world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop) == TAU_E_EXISTS);
  CHECK(world.resources.put(*world.bob, "thing", type_a, &thing, Thing::drop) == TAU_E_EXISTS);

  for (const Got& got : {get(world, *world.bob, "nothing"), take(world, *world.bob, "nothing")}) {
    CHECK(got.status == TAU_E_NOT_FOUND);
    CHECK(got.object == nullptr);
    CHECK(got.reference == nullptr);
  }
  for (const Got& got : {get(world, *world.bob, "thing", type_b), take(world, *world.bob, "thing", type_b)}) {
    CHECK(got.status == TAU_E_TYPE);
    CHECK(got.object == nullptr);
    CHECK(got.reference == nullptr);
  }
  CHECK(world.alice->resources == 1);
  CHECK(world.alice->refs == 0);
  world.resources.release(nullptr);

  world.bob->phase = Phase::unloading;
  CHECK(world.resources.put(*world.bob, "other", type_a, &thing, Thing::drop) == TAU_E_UNLOADING);
  CHECK(world.bob->resources == 0);
}

TEST_CASE("a taken entry frees its name and lives until its last reference goes") {
  Thing first;
  Thing second;
  World world;
  world.resources.put(*world.alice, "thing", type_a, &first, Thing::drop);
  const Got early = get(world, *world.bob, "thing");
  const Got taken = take(world, *world.bob, "thing");
  CHECK(taken.status == TAU_OK);
  CHECK(taken.object == &first);
  CHECK(world.alice->resources == 0);
  CHECK(world.alice->refs == 2);
  CHECK(world.resources.owner_of("thing") == nullptr);
  CHECK(world.resources.put(*world.bob, "thing", type_b, &second, Thing::drop) == TAU_OK);

  world.resources.release(taken.reference);
  CHECK(first.drops == 0);
  world.resources.release(early.reference);
  CHECK(first.drops == 1);
  CHECK(second.drops == 0);
}

TEST_CASE("an object in use survives its owner's unloading and pins it until dropped") {
  Thing thing;
  World world;
  thing.world = &world;
  world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop);
  const Got got = get(world, *world.bob, "thing");
  world.unload(*world.alice);
  CHECK(world.alice->resources == 0);
  CHECK(world.alice->refs == 1);
  CHECK(thing.drops == 0);
  CHECK(get(world, *world.bob, "thing").status == TAU_E_NOT_FOUND);
  CHECK(released.empty());

  world.resources.release(got.reference);
  CHECK(thing.drops == 1);
  CHECK_MESSAGE(thing.refs_during_drop == 1, "the guard must outlive the code of drop");
  CHECK(released == std::vector<Owner*>{world.alice.get()});
}

TEST_CASE("nobody is lent anything by an owner on its way out, but it may reclaim its own") {
  Thing thing;
  World world;
  world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop);
  world.alice->phase = Phase::unloading;
  CHECK(get(world, *world.bob, "thing").status == TAU_E_NOT_FOUND);
  const Got own = take(world, *world.alice, "thing");
  CHECK(own.status == TAU_OK);
  world.resources.release(own.reference);
  CHECK(thing.drops == 1);
}

TEST_CASE("a drop may put, take and release while its owner's entries go") {
  Thing plain;
  Thing busy;
  Thing held;
  Thing of_bob;
  World world;
  busy.world = &world;
  busy.then = [](Thing& self) {
    World& now = *self.world;
    static Thing late;
    CHECK(now.resources.put(*now.alice, "late", type_a, &late, Thing::drop) == TAU_E_UNLOADING);
    CHECK(get(now, *now.alice, "plain").status == TAU_E_NOT_FOUND);
    const Got other = take(now, *now.alice, "of bob");
    CHECK(other.status == TAU_OK);
    now.resources.release(other.reference);
    now.resources.release(self.held);
  };
  world.resources.put(*world.alice, "held", type_a, &held, Thing::drop);
  busy.held = get(world, *world.alice, "held").reference;
  world.resources.put(*world.alice, "busy", type_a, &busy, Thing::drop);
  world.resources.put(*world.alice, "plain", type_a, &plain, Thing::drop);
  world.resources.put(*world.bob, "of bob", type_a, &of_bob, Thing::drop);

  world.unload(*world.alice);
  for (const Thing* thing : {&plain, &busy, &held, &of_bob}) CHECK(thing->drops == 1);
  CHECK(world.alice->refs == 0);
  CHECK(world.bob->resources == 0);
}

TEST_CASE("the drop of a released object may release the next in a chain") {
  constexpr int length = 1000;
  std::vector<Thing> chain(length);
  World world;
  for (int i = 0; i < length; ++i) {
    const std::string name = "link " + std::to_string(i);
    chain[i].world = &world;
    chain[i].then = [](Thing& self) { self.world->resources.release(self.held); };
    if (i > 0) chain[i].held = take(world, *world.bob, "link " + std::to_string(i - 1)).reference;
    world.resources.put(*world.alice, name, type_a, &chain[i], Thing::drop);
  }
  world.unload(*world.alice);
  for (const Thing& thing : chain) CHECK(thing.drops == 1);
  CHECK(world.alice->refs == 0);
}

TEST_CASE("a newer generation covers the older one's entry and uncovers it when it fails") {
  Thing old_thing;
  Thing new_thing;
  auto newer = World::owner(3, "alice");
  World world;
  world.resources.put(*world.alice, "thing", type_a, &old_thing, Thing::drop);
  CHECK(world.resources.put(*newer, "thing", type_a, &new_thing, Thing::drop) == TAU_OK);
  CHECK(world.resources.put(*newer, "thing", type_a, &new_thing, Thing::drop) == TAU_E_EXISTS);
  CHECK(world.resources.put(*world.alice, "thing", type_a, &new_thing, Thing::drop) == TAU_E_EXISTS);

  const auto seen_by = [&](Owner& user) {
    const Got got = get(world, user, "thing");
    world.resources.release(got.reference);
    return got.object;
  };
  CHECK(seen_by(*world.bob) == &new_thing);
  CHECK(seen_by(*newer) == &new_thing);
  CHECK(seen_by(*world.alice) == &old_thing);

  SUBCASE("the newer one fails") {
    world.unload(*newer);
    CHECK(new_thing.drops == 1);
    CHECK(seen_by(*world.bob) == &old_thing);
  }
  SUBCASE("the older one goes") {
    world.unload(*world.alice);
    CHECK(old_thing.drops == 1);
    CHECK(seen_by(*world.bob) == &new_thing);
    world.unload(*newer);
  }
  CHECK(newer->resources == 0);
}

TEST_CASE("references that a closed user never released are released for it") {
  Thing thing;
  Thing another;
  World world;
  another.world = &world;
  world.resources.put(*world.alice, "thing", type_a, &thing, Thing::drop);
  another.then = [](Thing& self) { self.world->resources.release(self.held); };
  another.held = get(world, *world.alice, "thing").reference;
  world.resources.put(*world.alice, "another", type_a, &another, Thing::drop);
  get(world, *world.bob, "thing");
  get(world, *world.bob, "thing");
  take(world, *world.bob, "another");

  world.unload(*world.bob);
  world.unload(*world.alice);
  CHECK(world.alice->refs == 4);
  world.resources.forget_user(*world.bob);
  CHECK(thing.drops == 1);
  CHECK(another.drops == 1);
  CHECK(world.alice->refs == 0);
  CHECK(released == std::vector<Owner*>{world.alice.get()});
}

TEST_CASE("ten thousand entries of one owner leave another's alone") {
  std::vector<Thing> things(20'000);
  World world;
  for (std::size_t i = 0; i < things.size(); ++i) {
    Owner& owner = i % 2 == 0 ? *world.alice : *world.bob;
    REQUIRE(world.resources.put(owner, "thing " + std::to_string(i), type_a, &things[i], Thing::drop) ==
            TAU_OK);
  }
  world.unload(*world.alice);
  CHECK(world.bob->resources == 10'000);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < things.size(); ++i) wrong += things[i].drops != (i % 2 == 0 ? 1 : 0);
  CHECK(wrong == 0);
}

TEST_CASE("an object without a drop is left alone") {
  int number = 7;
  World world;
  world.resources.put(*world.alice, "number", type_a, &number, nullptr);
  const Got taken = take(world, *world.bob, "number");
  world.resources.release(taken.reference);
  CHECK(number == 7);
  CHECK(world.alice->refs == 0);
}
