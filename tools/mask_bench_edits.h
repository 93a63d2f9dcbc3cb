#pragma once
// mask_bench --edits: prices of edits, their speed and how well they agree with real encoding.

#include <string>

#include "kitsink/mask.h"

// Prices edits of map `map` at the given levels and prints tables. Returns the exit code.
int BenchEdits(const kitsink::MaskClip& clip, size_t map, const std::string& levels, int threads);
