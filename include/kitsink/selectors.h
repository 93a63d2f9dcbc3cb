#pragma once
// Small codes per pair or per batch that steer the search, and their stream r (FORMAT.md, "Stream r").

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink {

enum class TailKind : uint8_t {
  kStartSeed,    // F1S4B: 4 bits per pair, which perturbation f1's search starts from; 0 = none
  kPoseFactor,   // PSEL3: 3 bits per pair, factor on the distance to the pose target
  kLossControl,  // LCT3B: 3 bits per batch, ratio of the pose weight to the seg weight
};

// The five-letter tag on the wire, "F1S4B", and the bits of one code.
std::string_view TailTag(TailKind kind);
int TailBits(TailKind kind);

struct Tail {
  TailKind kind = TailKind::kStartSeed;
  std::vector<uint8_t> codes;  // each below 1 << TailBits(kind); one per pair or per batch, at most 65,535
  bool operator==(const Tail&) const = default;
};

// Each kind at most once, in rising order of kind. No tails: stream r is empty.
struct SelectorTable {
  std::vector<Tail> tails;
  const Tail* Find(TailKind kind) const;
  bool operator==(const SelectorTable&) const = default;
};

Result<Bytes> EncodeSelectors(const SelectorTable& table);
Result<SelectorTable> DecodeSelectors(std::span<const uint8_t> stream, const Limits& limits);

}  // namespace kitsink
