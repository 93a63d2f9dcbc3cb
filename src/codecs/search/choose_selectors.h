#pragma once
// Chooses the selector codes that are worth their bytes, by running the decoder's search at compress.

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

// Runs the decoder's search of every pair with its codes, and gives each pair's distortion against the original.
using PlaySearch = std::function<Result<std::vector<PairDistortion>>(std::span<const PairCodes> codes)>;

// What a tail was worth: the measured fall of 100 * seg + sqrt(10 * pose) over the clip, and the tail's bytes.
struct TailGain {
  TailKind kind = TailKind::kStartSeed;
  uint64_t bytes = 0;
  double gain = 0;
  bool kept = false;  // the gain is worth the bytes
};

struct SelectorChoice {
  SelectorTable table;
  std::vector<TailGain> gains;  // of every tail that was tried
  MeanDistortion distortion;    // of the whole clip with the table; zero for kNone
};

// How often ChooseSelectors asks for a search of every pair.
uint64_t CountPlays(SelectorEffort effort);
Result<SelectorChoice> ChooseSelectors(size_t num_pairs, SelectorEffort effort, double score_per_byte,
                                       const PlaySearch& play);

}  // namespace kitsink::search
