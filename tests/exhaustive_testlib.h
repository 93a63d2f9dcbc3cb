#pragma once
// Changes every byte of a small archive, cuts it everywhere, and counts what a decoder makes of it, within limits of
// time and memory. KITSINK_EXHAUSTIVE=1 tries every value of every byte.

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "format_testlib.h"

namespace kitsink::testing {

// Of the processor. No speed: what takes longer hangs.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr double kMaxSeconds = 120;
#else
inline constexpr double kMaxSeconds = 20;
#endif
inline constexpr long kMaxMegabytes = 256;

inline bool WantsAll() { return std::getenv("KITSINK_EXHAUSTIVE") != nullptr; }

// Of this thread.
inline double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

enum Outcome { kRefused, kIdentical, kDifferent };

// Counts for one way to open the archive, by damaged region.
class Tally {
 public:
  explicit Tally(const char* door) : door_(door) {}

  template <typename Decode>
  Outcome Count(const char* region, const Bytes& damaged, const Decode& decode) {
    const double begin = ProcessorSeconds();
    const Outcome outcome = decode(std::span<const uint8_t>(damaged));
    slowest_ = std::max(slowest_, ProcessorSeconds() - begin);
    ++counts_[region][outcome];
    ++num_cases_;
    return outcome;
  }

  unsigned long long count(Outcome outcome) const {
    unsigned long long sum = 0;
    for (const auto& [region, counts] : counts_) sum += counts[outcome];
    return sum;
  }

  // Prints the table, and checks the promises that hold for every case.
  ~Tally() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    for (const auto& [region, counts] : counts_) {
      std::printf("| %s | %s | %llu | %llu | %llu |\n", door_, region.c_str(), counts[kRefused], counts[kIdentical],
                  counts[kDifferent]);
    }
    std::printf("%s: %llu cases, slowest %.4f s, peak %ld MB\n", door_, num_cases_, slowest_, usage.ru_maxrss / 1024);
    EXPECT_LT(slowest_, kMaxSeconds);
#if !defined(__SANITIZE_ADDRESS__)
    EXPECT_LT(usage.ru_maxrss / 1024, kMaxMegabytes);
#endif
  }

 private:
  const char* door_;
  std::map<std::string, std::array<unsigned long long, 3>> counts_;
  unsigned long long num_cases_ = 0;
  double slowest_ = 0;
};

// Applies each flip to each byte of `bytes`, then makes each cut.
template <typename Visit>
void DamageAll(const Bytes& bytes, std::span<const int> flips, const Visit& visit) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : flips) {
      Bytes damaged = bytes;
      damaged[i] = static_cast<uint8_t>(damaged[i] ^ flip);
      visit(i, damaged);
    }
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    visit(bytes.size(), Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
  }
}

inline std::vector<int> Flips() {
  std::vector<int> flips(std::begin(kEveryFlip), std::end(kEveryFlip));
  if (!WantsAll()) return flips;
  flips.clear();
  for (int flip = 1; flip < 256; ++flip) flips.push_back(flip);
  return flips;
}

}  // namespace kitsink::testing
