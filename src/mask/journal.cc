// Saves values in the order of their first change and puts them back in the opposite order.

#include "mask/journal.h"

#include <cstring>

namespace kitsink {

void Journal::Append(const void* at, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(at);
  entries_.push_back({const_cast<void*>(at), size});
  bytes_.insert(bytes_.end(), bytes, bytes + size);
  if (2 * entries_.size() > slots_.size()) Grow();
}

void Journal::Grow() {
  slots_.assign(2 * slots_.size(), Slot{});
  --slot_shift_;
  for (const Entry& entry : entries_) IsNew(reinterpret_cast<uintptr_t>(entry.at));
}

void Journal::Undo() {
  const std::byte* bytes = bytes_.data() + bytes_.size();
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    bytes -= entry->size;
    std::memcpy(entry->at, bytes, entry->size);
  }
  entries_.clear();
  bytes_.clear();
  ++round_;
}

}  // namespace kitsink
