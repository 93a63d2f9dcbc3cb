#pragma once
// What a user may choose when codec search compresses and inflates.

#include <cstddef>
#include <cstdint>

#include "codecs/search/choose_selectors.h"
#include "codecs/search/fit.h"
#include "codecs/search/search.h"

namespace kitsink::search {

enum class GeneratorSize { kAuto, kTiny, kSmall, kFull };

// Widths of the generator for a size; kAuto by the number of pairs.
GeneratorShape ShapeFor(GeneratorSize size, uint64_t num_pairs);

struct CompressOptions {
  GeneratorSize generator = GeneratorSize::kAuto;
  int mask_level = 2;  // MaskOptions::level
  FitOptions fit;      // its shape is set from `generator`
  SelectorEffort selectors = SelectorEffort::kNone;
};

struct InflateOptions {
  size_t batch_size = 1;  // pairs searched together; groups begin at its multiples, whatever is asked for
  SearchOptions search;
};

}  // namespace kitsink::search
