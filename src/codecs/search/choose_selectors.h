#pragma once
// Which selector codes are worth their bytes, found by playing the decoder at compress.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "codecs/search/search.h"
#include "codecs/search/selectors.h"
#include "kitsink/result.h"
#include "kitsink/score.h"

namespace kitsink::search {

// How many codes of the selector tails compress tries: none, some (10 searches per pair and one more) or all (29).
enum class SelectorEffort { kNone, kFast, kFull };

// Plays the decoder: the distortion, against the original, of each pair of the clip searched with its codes.
using PlaySearch = std::function<Result<std::vector<PairDistortion>>(std::span<const PairCodes> codes)>;

// What a tail was worth: the fall of 100 * seg + sqrt(10 * pose) over the clip, measured, against its bytes.
struct TailGain {
  TailKind kind = TailKind::kStartSeed;
  uint64_t bytes = 0;
  double gain = 0;
  bool kept = false;  // the gain beats the bytes
};

struct SelectorChoice {
  SelectorTable table;
  std::vector<TailGain> gains;  // of every tail that was tried
  MeanDistortion distortion;    // of the whole clip with the table; zero for kNone
};

// How many searches ChooseSelectors asks for.
uint64_t CountSearches(size_t num_pairs, SelectorEffort effort);
Result<SelectorChoice> ChooseSelectors(size_t num_pairs, SelectorEffort effort, double score_per_byte,
                                       const PlaySearch& play);

}  // namespace kitsink::search
