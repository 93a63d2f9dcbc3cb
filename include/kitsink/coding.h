#pragma once
// Arguments that every encoder and decoder takes.

#include "kitsink/limits.h"
#include "kitsink/log.h"

namespace kitsink {

struct CodingContext {
  Limits limits;
  int threads = 1;  // 1 or more; never changes a byte
  Progress* progress = &SilentProgress();
};

}  // namespace kitsink
