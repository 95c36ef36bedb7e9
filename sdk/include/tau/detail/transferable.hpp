// Transferable: which types may stay with another plugin after the one that made them was unloaded.
//
// Denied by default and judged recursively, because the types that dangle look innocent: a shared_ptr's
// control block has a vtable in its maker's module, a std::function and an any point to its code, a
// string_view or an initializer_list to its data. A refusal is a type that spells the path to the
// culprit and the remedy:
//
//   InField<Message, 1, Inside<vector<Inner>, InField<Inner, 0, Dangles<string_view, pass_a_std_string>>>>
//
// A plain struct of up to 16 fields is looked into. A class with private members or bases, a union, or
// a larger struct is its author's to vouch for, with
//
//   template <> inline constexpr bool tau::enable_transferable<Mine> = true;
#pragma once

#include <any>
#include <array>
#include <bitset>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <exception>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "../result.hpp"
#include "enable_transferable.hpp"
#include "fields.hpp"
#include "type_id.hpp"

namespace tau {

class PluginGuard;
template <class T>
class PluginBox;
template <class T>
class PluginArc;
template <class Signature>
class PluginFn;

class AbortHandle;
template <class T>
class JoinHandle;
template <class T>
class Task;
template <class T>
class Stream;
class CancellationToken;

class Notify;
class Semaphore;
class SemaphorePermit;
class Barrier;
class BarrierWaitResult;
template <class T>
class Mutex;
template <class T>
class MutexGuard;
template <class T>
class RwLock;
template <class T>
class RwLockReadGuard;
template <class T>
class RwLockWriteGuard;
template <class T>
class OnceCell;
// clang-format off
namespace mpsc {
template <class T> class Sender;
template <class T> class UnboundedSender;
template <class T> class Receiver;
template <class T> class Permit;
template <class T> class Permits;
template <class T, class End> class Weak;
}
namespace oneshot {
template <class T> class Sender;
template <class T> class Receiver;
}
namespace broadcast {
template <class T> class Sender;
template <class T> class Receiver;
}
namespace watch {
template <class T> class Sender;
template <class T> class Receiver;
template <class T> class Ref;
}
// clang-format on

namespace detail {

// ---- verdicts: Transfers, or why not --------------------------------------------------------------

struct Transfers {};
template <class T, class Remedy>
struct Dangles {};
template <class T, class Why>
struct Inside {};
template <class T, std::size_t Field, class Why>
struct InField {};

// Named for the reader of an error message.
struct pass_the_value_itself {};
struct pass_a_std_string {};
struct pass_a_std_vector {};
struct pass_a_tau_PluginFn {};
struct pass_a_tau_PluginArc {};
struct pass_a_tau_PluginBox {};
struct pass_a_tau_Error {};
struct pass_a_std_variant {};
struct pass_what_it_will_yield {};
struct pass_a_tau_watch_Receiver {};
struct it_stays_with_its_plugin_pass_a_channel_or_a_raw_descriptor {};
struct pass_a_struct_of_plain_values {};
struct if_it_holds_no_pointers_specialise_tau_enable_transferable {};

// ---- what is known about other people's types -----------------------------------------------------

struct Unknown {};
template <class... Ts>
struct SafeIf {};  // if all of Ts are
template <class Remedy>
struct Never {};

template <class T>
struct KnownRule {
  using type = Unknown;
};
template <class... Ts>
struct KnownSafeIf {
  using type = SafeIf<Ts...>;
};
template <class Remedy>
struct KnownNever {
  using type = Never<Remedy>;
};

// clang-format off
template <class C, class T, class A> struct KnownRule<std::basic_string<C, T, A>> : KnownSafeIf<C, T, A> {};
template <class T, class A> struct KnownRule<std::vector<T, A>> : KnownSafeIf<T, A> {};
template <class T, class A> struct KnownRule<std::deque<T, A>> : KnownSafeIf<T, A> {};
template <class T, class A> struct KnownRule<std::list<T, A>> : KnownSafeIf<T, A> {};
template <class T, class A> struct KnownRule<std::forward_list<T, A>> : KnownSafeIf<T, A> {};
template <class K, class V, class C, class A> struct KnownRule<std::map<K, V, C, A>> : KnownSafeIf<K, V, C, A> {};
template <class K, class V, class C, class A> struct KnownRule<std::multimap<K, V, C, A>> : KnownSafeIf<K, V, C, A> {};
template <class K, class C, class A> struct KnownRule<std::set<K, C, A>> : KnownSafeIf<K, C, A> {};
template <class K, class C, class A> struct KnownRule<std::multiset<K, C, A>> : KnownSafeIf<K, C, A> {};
template <class K, class V, class H, class E, class A> struct KnownRule<std::unordered_map<K, V, H, E, A>> : KnownSafeIf<K, V, H, E, A> {};
template <class K, class V, class H, class E, class A> struct KnownRule<std::unordered_multimap<K, V, H, E, A>> : KnownSafeIf<K, V, H, E, A> {};
template <class K, class H, class E, class A> struct KnownRule<std::unordered_set<K, H, E, A>> : KnownSafeIf<K, H, E, A> {};
template <class K, class H, class E, class A> struct KnownRule<std::unordered_multiset<K, H, E, A>> : KnownSafeIf<K, H, E, A> {};
template <class T, std::size_t N> struct KnownRule<std::array<T, N>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<std::optional<T>> : KnownSafeIf<T> {};
template <class... Ts> struct KnownRule<std::variant<Ts...>> : KnownSafeIf<Ts...> {};
template <class... Ts> struct KnownRule<std::tuple<Ts...>> : KnownSafeIf<Ts...> {};
template <class A, class B> struct KnownRule<std::pair<A, B>> : KnownSafeIf<A, B> {};
template <class T, class D> struct KnownRule<std::unique_ptr<T, D>> : KnownSafeIf<T, D> {};
template <class T> struct KnownRule<std::allocator<T>> : KnownSafeIf<> {};
template <std::size_t N> struct KnownRule<std::bitset<N>> : KnownSafeIf<> {};
template <class R, class P> struct KnownRule<std::chrono::duration<R, P>> : KnownSafeIf<R> {};
template <class C, class D> struct KnownRule<std::chrono::time_point<C, D>> : KnownSafeIf<D> {};
template <> struct KnownRule<Error> : KnownSafeIf<> {};
template <class T> struct KnownRule<Result<T>> : KnownSafeIf<T> {};
// These hold their maker's guard.
template <> struct KnownRule<PluginGuard> : KnownSafeIf<> {};
template <class T> struct KnownRule<PluginBox<T>> : KnownSafeIf<> {};
template <class T> struct KnownRule<PluginArc<T>> : KnownSafeIf<> {};
template <class S> struct KnownRule<PluginFn<S>> : KnownSafeIf<> {};
// Ends of channels and handles of locks refer to memory that is nobody's module's, with values in it.
template <> struct KnownRule<Notify> : KnownSafeIf<> {};
template <> struct KnownRule<Semaphore> : KnownSafeIf<> {};
template <> struct KnownRule<SemaphorePermit> : KnownSafeIf<> {};
template <> struct KnownRule<Barrier> : KnownSafeIf<> {};
template <> struct KnownRule<BarrierWaitResult> : KnownSafeIf<> {};
template <class T> struct KnownRule<Mutex<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<MutexGuard<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<RwLock<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<RwLockReadGuard<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<RwLockWriteGuard<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<OnceCell<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<mpsc::Sender<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<mpsc::UnboundedSender<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<mpsc::Receiver<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<mpsc::Permit<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<mpsc::Permits<T>> : KnownSafeIf<T> {};
template <class T, class End> struct KnownRule<mpsc::Weak<T, End>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<oneshot::Sender<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<oneshot::Receiver<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<broadcast::Sender<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<broadcast::Receiver<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<watch::Sender<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<watch::Receiver<T>> : KnownSafeIf<T> {};
template <class T> struct KnownRule<watch::Ref<T>> : KnownSafeIf<T> {};

// An id, and the right to a value that is moved over when it is read.
template <> struct KnownRule<AbortHandle> : KnownSafeIf<> {};
template <class T> struct KnownRule<JoinHandle<T>> : KnownSafeIf<T> {};

template <class T> struct KnownRule<Task<T>> : KnownNever<pass_what_it_will_yield> {};
template <class T> struct KnownRule<Stream<T>> : KnownNever<pass_what_it_will_yield> {};
template <> struct KnownRule<CancellationToken> : KnownNever<pass_a_tau_watch_Receiver> {};
template <class C, class T> struct KnownRule<std::basic_string_view<C, T>> : KnownNever<pass_a_std_string> {};
template <class T, std::size_t N> struct KnownRule<std::span<T, N>> : KnownNever<pass_a_std_vector> {};
template <class T> struct KnownRule<std::initializer_list<T>> : KnownNever<pass_a_std_vector> {};
template <class S> struct KnownRule<std::function<S>> : KnownNever<pass_a_tau_PluginFn> {};
template <class T> struct KnownRule<std::shared_ptr<T>> : KnownNever<pass_a_tau_PluginArc> {};
template <class T> struct KnownRule<std::weak_ptr<T>> : KnownNever<pass_a_tau_PluginArc> {};
template <class T> struct KnownRule<std::reference_wrapper<T>> : KnownNever<pass_the_value_itself> {};
template <class P> struct KnownRule<std::coroutine_handle<P>> : KnownNever<pass_what_it_will_yield> {};
template <> struct KnownRule<std::any> : KnownNever<pass_a_std_variant> {};
template <> struct KnownRule<std::error_code> : KnownNever<pass_a_tau_Error> {};
template <> struct KnownRule<std::error_condition> : KnownNever<pass_a_tau_Error> {};
template <> struct KnownRule<std::exception_ptr> : KnownNever<pass_a_tau_Error> {};
// clang-format on

/// Safe, and known by name: to read their headers would cost each source of each plugin a tenth of its time.
template <class T>
constexpr bool is_complex_or_path() noexcept {
  constexpr std::string_view name = spelled<T>();
  for (std::string_view mark : {"T = std::complex<", "T = std::filesystem::path]", "T = std::filesystem::path;",
                                "T = std::filesystem::__cxx11::path]", "T = std::filesystem::__cxx11::path;"}) {
    if (name.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

/// A type of the standard library that is in none of the lists above: futures, regexes, streams ...
template <class T>
constexpr bool is_of_std() noexcept {
  constexpr std::string_view name = spelled<T>();
  return name.find("T = std::") != std::string_view::npos;
}

/// A type of ours that is in none of the lists above: sockets, files, timers, groups ... belong to the plugin
/// and the loop that they were made with.
template <class T>
constexpr bool is_of_tau() noexcept {
  constexpr std::string_view name = spelled<T>();
  return name.find("T = tau::") != std::string_view::npos;
}

// ---- judging --------------------------------------------------------------------------------------

template <class... Ts>
struct Path {};  // the types being judged, so that a recursive one ends

template <class T, class... Ts>
constexpr bool is_on(Path<Ts...>) {
  return (std::same_as<T, Ts> || ...);
}

template <class T, class On>
constexpr auto judge();

template <class T, class On, class... Parts>
constexpr auto judge_parts(SafeIf<Parts...>) {
  if constexpr (sizeof...(Parts) == 0) {
    return Transfers();
  } else {
    return []<class First, class... Rest>(SafeIf<First, Rest...>) {
      using Verdict = decltype(judge<First, On>());
      if constexpr (std::same_as<Verdict, Transfers>) {
        return judge_parts<T, On>(SafeIf<Rest...>());
      } else {
        return Inside<T, Verdict>();
      }
    }(SafeIf<Parts...>());
  }
}

template <class T, class On, std::size_t Field>
constexpr auto judge_fields(TypeList<>) {
  return Transfers();
}
template <class T, class On, std::size_t Field, class First, class... Rest>
constexpr auto judge_fields(TypeList<First, Rest...>) {
  using Verdict = decltype(judge<First, On>());
  if constexpr (std::same_as<Verdict, Transfers>) {
    return judge_fields<T, On, Field + 1>(TypeList<Rest...>());
  } else {
    return InField<T, Field, Verdict>();
  }
}

template <class T, class On>
constexpr auto judge_class() {
  using Vouch =
      Dangles<T, std::conditional_t<is_of_tau<T>(), it_stays_with_its_plugin_pass_a_channel_or_a_raw_descriptor,
                                    if_it_holds_no_pointers_specialise_tau_enable_transferable>>;
  if constexpr (std::is_polymorphic_v<T>) {
    return Dangles<T, pass_a_tau_PluginBox>();
  } else if constexpr (is_complex_or_path<T>()) {
    return Transfers();
  } else if constexpr (is_of_std<T>() && !std::is_empty_v<T>) {
    return Dangles<T, pass_a_struct_of_plain_values>();
  } else if constexpr (std::is_empty_v<T> && std::is_trivially_copyable_v<T>) {
    return Transfers();
  } else if constexpr (!std::is_aggregate_v<T> || std::is_union_v<T>) {
    return Vouch();
  } else if constexpr (HasBase<T>) {
    return Vouch();
  } else {
    constexpr std::size_t total = initialisers<T>();
    if constexpr (total == 0 || total > most_initialisers) {
      return Vouch();
    } else {
      constexpr std::size_t count = count_fields<T, total>();
      if constexpr (count > most_fields) {
        return Vouch();
      } else {
        return judge_fields<T, On, 0>(decltype(fields_of<T, count>(std::declval<T&>()))());
      }
    }
  }
}

template <class Given, class On>
constexpr auto judge() {
  using T = std::remove_cv_t<Given>;
  using Rule = typename KnownRule<T>::type;
  if constexpr (enable_transferable<T> || is_on<T>(On())) {
    return Transfers();
  } else if constexpr (std::is_void_v<T> || std::is_arithmetic_v<T> || std::is_enum_v<T> ||
                       std::is_null_pointer_v<T>) {
    return Transfers();
  } else if constexpr (std::is_function_v<std::remove_pointer_t<std::remove_reference_t<T>>> ||
                       std::is_member_pointer_v<T>) {
    return Dangles<T, pass_a_tau_PluginFn>();
  } else if constexpr (std::is_pointer_v<T> &&
                       std::same_as<std::remove_cv_t<std::remove_pointer_t<T>>, char>) {
    return Dangles<T, pass_a_std_string>();
  } else if constexpr (std::is_pointer_v<T> || std::is_reference_v<T>) {
    return Dangles<T, pass_the_value_itself>();
  } else if constexpr (std::is_array_v<T>) {
    return judge_parts<T, On>(SafeIf<std::remove_extent_t<T>>());
  } else if constexpr (!std::same_as<Rule, Unknown>) {
    return []<class R>(R rule) {
      if constexpr (requires { []<class Remedy>(Never<Remedy>) {}(rule); }) {
        return []<class Remedy>(Never<Remedy>) { return Dangles<T, Remedy>(); }(rule);
      } else {
        return judge_parts<T, On>(rule);
      }
    }(Rule());
  } else {
    return []<class... Ts>(Path<Ts...>) { return judge_class<T, Path<T, Ts...>>(); }(On());
  }
}

template <class T>
using TransferVerdict = decltype(judge<T, Path<>>());

template <class Verdict>
struct MayTravel {
  static_assert(std::same_as<Verdict, Transfers>,
                "this type would dangle once the plugin that made it is unloaded; the verdict in the lines "
                "around this one spells the path to the culprit and what to pass instead "
                "(tau/detail/transferable.hpp)");
  static constexpr bool value = true;
};

}  // namespace detail

/// A type whose values may outlive the plugin that made them. See the head of this file.
template <class T>
concept Transferable = std::same_as<detail::TransferVerdict<T>, detail::Transfers>;

namespace detail {
/// Types whose copies share something with the one they are made of: pointers and what is one in disguise, ends
/// of channels, handles of locks. Whoever borrows one may keep a copy, so lending it is as good as giving it away.
template <class T>
inline constexpr bool is_shared_handle = std::is_pointer_v<T> || std::is_member_pointer_v<T>;
template <class T>
  requires requires { typename T::tau_shared_handle; }
inline constexpr bool is_shared_handle<T> = true;
template <class T>
  requires(std::is_copy_constructible_v<T> &&
           requires { []<class Remedy>(Never<Remedy>) {}(typename KnownRule<T>::type()); })
inline constexpr bool is_shared_handle<T> = true;

/// Fails to compile with the verdict spelled out.
template <class T>
constexpr void require_transferable() noexcept {
  static_assert(MayTravel<TransferVerdict<T>>::value);
}
}  // namespace detail

}  // namespace tau
