#pragma once
// Small codes per pair or per batch that steer the search, and their stream r (FORMAT.md, "Stream r").

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/limits.h"
#include "kitsink/result.h"

namespace kitsink::search {

enum class TailKind : uint8_t {
  kStartSeed,    // F1S4B: 4 bits per pair, which perturbation f1's search starts from; 0 = none
  kPoseFactor,   // PSEL3: 3 bits per pair, factor on the distance to the pose target
  kLossControl,  // LCT3B: 3 bits per six pairs, ratio of the pose weight to the seg weight
};
inline constexpr size_t kPairsPerLossControl = 6;

// The five-letter tag in the stream, such as "F1S4B", and the bits of one code.
std::string_view TailTag(TailKind kind);
int TailBits(TailKind kind);

struct Tail {
  TailKind kind = TailKind::kStartSeed;
  std::vector<uint8_t> codes;  // each below 1 << TailBits(kind); at most 65,535
  bool operator==(const Tail&) const = default;
};

// Each kind at most once, in rising order of kind. No tails: stream r is empty.
struct SelectorTable {
  std::vector<Tail> tails;
  const Tail* Find(TailKind kind) const;
  // The code of `kind` that applies to a pair; 0 without such a tail. REQUIRES: the tail has codes for this pair.
  uint8_t CodeOf(TailKind kind, size_t pair) const;
  bool operator==(const SelectorTable&) const = default;
};

// Number of codes of a tail for `num_pairs` pairs.
size_t NumCodes(TailKind kind, size_t num_pairs);

// kStartSeed, code 1 or more: plus or minus `amplitude` grey levels, one sign per channel and cell of a grid of
// `rows` x `columns` over the model grid, channel by channel, rows from the top.
struct StartPattern {
  uint32_t rows = 0, columns = 0;
  float amplitude = 0;
  std::vector<int8_t> signs;
};
StartPattern StartPatternOf(uint8_t code);

// kPoseFactor: the search aims at start + factor * (target - start), in poses.
float PoseFactorOf(uint8_t code);

// kLossControl: factors on the pose weight and the seg weight at a step of the search on f1.
struct LossFactors {
  double pose = 1, seg = 1;
};
LossFactors LossFactorsOf(uint8_t code, uint32_t step, uint32_t num_steps);

Result<Bytes> EncodeSelectors(const SelectorTable& table);
Result<SelectorTable> DecodeSelectors(std::span<const uint8_t> stream, const Limits& limits);

// The bits of a table's stream, tail by tail.
std::vector<StreamPart> MeasureSelectors(const SelectorTable& table);

}  // namespace kitsink::search
