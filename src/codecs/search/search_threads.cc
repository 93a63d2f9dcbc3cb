// Chooses how many searches run at once.

#include "codecs/search/search_threads.h"

#include <algorithm>

namespace kitsink::search {

SearchThreads ShareThreads(const Device& device, int threads) {
  // Each search takes memory: 0.1 GB with the stand-in nets, 0.6 GB with nets of the contest's size.
  constexpr int kMostAtOnce = 4;
  if (device.cuda) return {1, threads};
  const int at_once = std::min(threads, kMostAtOnce);
  return {at_once, threads / at_once};
}

}  // namespace kitsink::search
