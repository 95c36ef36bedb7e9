// Which ends and handles may stay with another plugin. Mostly static: what is wrong here does not compile.
#include <tau/tau.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "support/two_plugins.hpp"

using namespace tau::detail;
using tau::Errc;
using tau::Transferable;
using tau::test::TwoPlugins;

namespace {

template <template <class> class End>
constexpr bool follows_its_value() {
  return Transferable<End<std::string>> && !Transferable<End<std::string_view>> && is_shared_handle<End<int>>;
}

static_assert(follows_its_value<tau::mpsc::Sender>());
static_assert(follows_its_value<tau::mpsc::UnboundedSender>());
static_assert(follows_its_value<tau::mpsc::Receiver>());
static_assert(follows_its_value<tau::mpsc::WeakSender>());
static_assert(follows_its_value<tau::mpsc::WeakUnboundedSender>());
static_assert(follows_its_value<tau::oneshot::Sender>());
static_assert(follows_its_value<tau::oneshot::Receiver>());
static_assert(follows_its_value<tau::broadcast::Sender>());
static_assert(follows_its_value<tau::broadcast::Receiver>());
static_assert(follows_its_value<tau::watch::Sender>());
static_assert(follows_its_value<tau::watch::Receiver>());
static_assert(follows_its_value<tau::Mutex>());
static_assert(follows_its_value<tau::RwLock>());
static_assert(follows_its_value<tau::OnceCell>());
static_assert(Transferable<tau::mpsc::Permit<int>> && !Transferable<tau::mpsc::Permit<int*>>);
static_assert(Transferable<tau::mpsc::Permits<int>> && !Transferable<tau::mpsc::Permits<int*>>);
static_assert(Transferable<tau::MutexGuard<int>> && !Transferable<tau::MutexGuard<int*>>);
static_assert(Transferable<tau::Barrier> && Transferable<tau::BarrierWaitResult>);
static_assert(Transferable<tau::Notify> && Transferable<tau::Semaphore> && Transferable<tau::SemaphorePermit>);

// A refusal spells the path, as everywhere.
static_assert(std::same_as<TransferVerdict<tau::mpsc::Sender<std::string_view>>,
                           Inside<tau::mpsc::Sender<std::string_view>, Dangles<std::string_view, pass_a_std_string>>>);

struct Offer {
  tau::mpsc::Sender<std::string> requests;
  tau::Notify done;
};
static_assert(Transferable<Offer>);

}  // namespace

TEST_CASE_FIXTURE(TwoPlugins, "an end that one plugin publishes serves another, also after the first is unloaded") {
  auto [tx, rx] = tau::mpsc::channel<std::string>(4);
  as_other([&, &tx = tx] {
    REQUIRE(tau::resource::put<tau::mpsc::Sender<std::string>>("requests", tx).has_value());
  });
  std::optional<tau::mpsc::Sender<std::string>> mine;
  {
    auto lent = tau::resource::get<tau::mpsc::Sender<std::string>>("requests");
    REQUIRE(lent.has_value());
    mine = **lent;
  }
  CHECK(mine->try_send("one").has_value());
  CHECK(**rx.try_recv() == "one");
  { auto gone = std::move(tx); }
  unload_other();
  CHECK_FALSE(rx.is_closed());
  CHECK(mine->try_send("two").has_value());
  CHECK(**rx.try_recv() == "two");
  mine.reset();
  CHECK(rx.try_recv()->error() == Errc::closed);
}
