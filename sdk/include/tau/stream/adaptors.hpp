// The adaptors as members: they hand over to the coroutines of the same names. stream.hpp says what each means.
#pragma once

#include "../detail/stream_adaptors.hpp"
#include "stream.hpp"

namespace tau {

#define TAU_STREAM_MEMBER template <class T>
#define TAU_STREAM_CALLING template <class T> template <detail::StreamCallable F>

// clang-format off
TAU_STREAM_CALLING Stream<detail::Called<F, T>> Stream<T>::map(F&& f) && {
  return detail::streams::map<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_CALLING Stream<T> Stream<T>::filter(F&& keep) && {
  return detail::streams::filter<T, std::decay_t<F>>(std::move(*this), std::forward<F>(keep));
}
TAU_STREAM_CALLING Stream<typename detail::Called<F, T>::value_type> Stream<T>::filter_map(F&& f) && {
  return detail::streams::filter_map<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_CALLING Stream<typename detail::TaskOf<detail::Called<F, T>>::type> Stream<T>::then(F&& f) && {
  return detail::streams::then<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_MEMBER Stream<T> Stream<T>::take(std::size_t count) && {
  return detail::streams::take<T>(std::move(*this), count);
}
TAU_STREAM_CALLING Stream<T> Stream<T>::take_while(F&& go_on) && {
  return detail::streams::take_while<T, std::decay_t<F>>(std::move(*this), std::forward<F>(go_on));
}
TAU_STREAM_MEMBER Stream<T> Stream<T>::skip(std::size_t count) && {
  return detail::streams::skip<T>(std::move(*this), count);
}
TAU_STREAM_CALLING Stream<T> Stream<T>::skip_while(F&& skip) && {
  return detail::streams::skip_while<T, std::decay_t<F>>(std::move(*this), std::forward<F>(skip));
}
TAU_STREAM_MEMBER Stream<std::pair<std::size_t, T>> Stream<T>::enumerate() && {
  return detail::streams::enumerate<T>(std::move(*this));
}
TAU_STREAM_MEMBER Stream<T> Stream<T>::chain(Stream after) && {
  return detail::streams::chain<T>(std::move(*this), std::move(after));
}
TAU_STREAM_MEMBER Stream<T> Stream<T>::merge(Stream other) && {
  return detail::streams::merge<T>(std::move(*this), std::move(other));
}
template <class T> template <class U> Stream<std::pair<T, U>> Stream<T>::zip(Stream<U> other) && {
  return detail::streams::zip<T, U>(std::move(*this), std::move(other));
}
TAU_STREAM_MEMBER Stream<std::vector<T>> Stream<T>::chunks(std::size_t size) && {
  return detail::streams::chunks<T>(std::move(*this), size);
}
TAU_STREAM_MEMBER Stream<T> Stream<T>::throttle(Duration period) && {
  return detail::streams::throttle<T>(std::move(*this), period);
}
TAU_STREAM_MEMBER Stream<Result<T>> Stream<T>::timeout(Duration limit) && {
  return detail::streams::timeout<T>(std::move(*this), limit);
}
TAU_STREAM_MEMBER auto Stream<T>::buffered(std::size_t count) && {
  return detail::streams::buffered<typename detail::TaskOf<T>::type>(std::move(*this), count, true);
}
TAU_STREAM_MEMBER auto Stream<T>::buffer_unordered(std::size_t count) && {
  return detail::streams::buffered<typename detail::TaskOf<T>::type>(std::move(*this), count, false);
}
TAU_STREAM_CALLING auto Stream<T>::map_ok(F&& f) && {
  return detail::streams::map_ok<detail::SuccessOf<T>, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_CALLING Stream<T> Stream<T>::try_filter(F&& keep) && {
  return detail::streams::try_filter<T, std::decay_t<F>>(std::move(*this), std::forward<F>(keep));
}
TAU_STREAM_MEMBER Task<std::vector<T>> Stream<T>::collect() && {
  return detail::streams::collect<T>(std::move(*this));
}
TAU_STREAM_CALLING Task<void> Stream<T>::for_each(F&& f) && {
  return detail::streams::for_each<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
template <class T> template <class State, detail::StreamCallable F>
Task<State> Stream<T>::fold(State state, F&& f) && {
  return detail::streams::fold<T, State, std::decay_t<F>>(std::move(*this), std::move(state), std::forward<F>(f));
}
TAU_STREAM_MEMBER Task<std::size_t> Stream<T>::count() && { return detail::streams::count<T>(std::move(*this)); }
TAU_STREAM_CALLING Task<bool> Stream<T>::any(F&& f) && {
  return detail::streams::any<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_CALLING Task<bool> Stream<T>::all(F&& f) && {
  return detail::streams::all<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
TAU_STREAM_MEMBER auto Stream<T>::try_collect() && {
  return detail::streams::try_collect<detail::SuccessOf<T>>(std::move(*this));
}
TAU_STREAM_CALLING Task<Result<void>> Stream<T>::try_for_each(F&& f) && {
  return detail::streams::try_for_each<T, std::decay_t<F>>(std::move(*this), std::forward<F>(f));
}
template <class T> template <class State, detail::StreamCallable F>
Task<Result<State>> Stream<T>::try_fold(State state, F&& f) && {
  return detail::streams::try_fold<T, State, std::decay_t<F>>(std::move(*this), std::move(state), std::forward<F>(f));
}
// clang-format on

#undef TAU_STREAM_MEMBER
#undef TAU_STREAM_CALLING

}  // namespace tau
