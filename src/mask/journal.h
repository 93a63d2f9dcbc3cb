#pragma once
// Undo for the state of a model: saves values before they change, and puts them back.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace kitsink {

class Journal {
 public:
  // Saves `count` values before their first change since the last Undo(); further calls with this address do nothing.
  // REQUIRES: an address is always saved with the same count, and the values stay where they are until Undo().
  template <typename T>
  void Save(T* at, size_t count = 1) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (IsNew(reinterpret_cast<uintptr_t>(at))) Append(at, count * sizeof(T));
  }
  // Puts all saved values back and forgets them.
  void Undo();

 private:
  struct Slot {
    uintptr_t address = 0;
    uint64_t round = 0;  // the slot is free unless this is round_
  };
  struct Entry {
    void* at;
    size_t size;
  };
  bool IsNew(uintptr_t address) {
    size_t i = static_cast<size_t>(address * 0x9e3779b97f4a7c15U >> slot_shift_);
    while (slots_[i].round == round_) {
      if (slots_[i].address == address) return false;
      i = (i + 1) & (slots_.size() - 1);
    }
    slots_[i] = {address, round_};
    return true;
  }
  void Append(const void* at, size_t size);
  void Grow();

  std::vector<Slot> slots_ = std::vector<Slot>(1024);  // a hash table of the addresses in entries_
  int slot_shift_ = 64 - 10;
  uint64_t round_ = 1;
  std::vector<Entry> entries_;
  std::vector<std::byte> bytes_;  // of all entries
};

}  // namespace kitsink
