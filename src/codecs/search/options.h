#pragma once
// The user's options of codec search for compress and inflate.

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
  size_t batch_size = 1;  // pairs searched together; groups always begin at multiples of it
  SearchOptions search;
};

}  // namespace kitsink::search
