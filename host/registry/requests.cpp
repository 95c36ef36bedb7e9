#include "requests.hpp"

#include <memory>
#include <utility>

namespace tau::host {

void Requests::send(Owner& owner, void (*entry)(tau_plugin*, tau_request*), std::uint64_t id,
                    std::string payload, Ended ended) {
  auto* request = new tau_request{id, std::move(payload), &owner, std::move(ended), head_, nullptr};
  if (head_) head_->previous = request;
  head_ = request;
  ++owner.requests;
  entry(&owner, request);
}

void Requests::end(tau_request* request, std::int32_t status, const char* text, std::size_t length) {
  std::unique_ptr<tau_request> ending(request);
  (ending->previous ? ending->previous->next : head_) = ending->next;
  if (ending->next) ending->next->previous = ending->previous;
  --ending->owner->requests;
  if (!ending->ended) return;
  if (text) {
    std::string answer(text, length);
    ending->ended(status, &answer);
  } else {
    ending->ended(status, nullptr);
  }
}

void Requests::drop_owner(Owner& owner) {
  for (tau_request* request = head_; request && owner.requests != 0;) {
    tau_request* next = request->next;
    if (request->owner == &owner) end(request, TAU_E_CANCELED, nullptr, 0);
    request = next;
  }
}

}  // namespace tau::host
