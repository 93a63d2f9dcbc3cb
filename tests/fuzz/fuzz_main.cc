// Builds one target as a libFuzzer program. KITSINK_FUZZ_TARGET names its function.

#include "fuzz/fuzz_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kitsink::fuzz::KITSINK_FUZZ_TARGET({data, size});
  return 0;
}
