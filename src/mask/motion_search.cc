#include "mask/motion_search.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <vector>

namespace kitsink {
namespace {

// The pixels that tell motions apart. The warped map is a second reference beside the previous map as it is, so it must
// be right where that one is wrong: all those pixels count. Of the others near an edge a sixth of the rows keep it
// sane.
struct Samples {
  struct Row {
    int y;
    size_t begin, end;
  };
  std::vector<Row> rows;
  std::vector<uint16_t> columns;
  std::vector<uint8_t> ids;
};

// Rows are skipped where a map has many of them.
constexpr int kSaneRows = 8, kSaneColumns = 4, kSampledRows = 384;
// A changed field must save this many mismatches: of one map, where it costs bits, and while the camera is searched.
constexpr int64_t kFieldCost = 80, kSearchCost = 24;

Samples TakeSamples(const uint8_t* actual, const MapTables& previous, int row_step) {
  Samples samples;
  const int width = previous.width;
  for (int y = 0; y < previous.height; y += row_step) {
    const uint8_t* row = actual + static_cast<size_t>(y) * static_cast<size_t>(width);
    const uint8_t* before = previous.ids.Row(y);
    const bool sane = y / row_step % kSaneRows == 0;
    const size_t begin = samples.columns.size();
    for (int x = 0; x < width; ++x) {
      if (before[x] == row[x] && (!sane || x % (kSaneColumns * row_step) != 0)) continue;
      samples.columns.push_back(static_cast<uint16_t>(x));
      samples.ids.push_back(row[x]);
    }
    if (samples.columns.size() > begin) samples.rows.push_back({y, begin, samples.columns.size()});
  }
  return samples;
}

class Search {
 public:
  Search(const uint8_t* actual, const MapTables& previous, int row_step)
      : samples_(TakeSamples(actual, previous, row_step)), previous_ref_(previous) {}

  // Keeps the trial, with the plane that suits it, when it saves more than `margin` mismatches.
  bool Try(Motion trial, int64_t margin) {
    for (const int32_t value : trial.field) {
      if (std::abs(value) >= 1 << kMotionBits) return false;
    }
    Count(trial);
    int64_t cost = Mismatches(trial.plane);
    for (uint32_t id = 0; id < 16; ++id) {
      if ((present_ >> id & 1) == 0) continue;
      const int64_t other = Mismatches(trial.plane ^ 1U << id);
      if (other + kSearchCost >= cost) continue;
      cost = other;
      trial.plane ^= 1U << id;
    }
    if (cost + margin >= best_cost_) return false;
    best_ = trial;
    best_cost_ = cost;
    return true;
  }
  const Motion& best() const { return best_; }
  int64_t best_cost() const { return best_cost_; }
  void Restart() { best_cost_ = INT64_MAX; }

 private:
  // Mismatches of the moved and of the unmoved previous map, by its classes at the two places.
  void Count(const Motion& motion) {
    moved_.fill(0);
    const int64_t last = previous_ref_.get().width - 1;
    for (const Samples::Row& sampled : samples_.rows) {
      const WarpedRow warp = WarpRow(motion, sampled.y, previous_ref_.get().height);
      const uint8_t* source = previous_ref_.get().ids.Row(warp.y);
      const uint8_t* here = previous_ref_.get().ids.Row(sampled.y);
      for (size_t i = sampled.begin; i < sampled.end; ++i) {
        const int x = samples_.columns[i];
        const uint8_t id = source[std::clamp<int64_t>((warp.start + x * warp.step) >> 16, 0, last)];
        moved_[here[x] * 16U + id] += (id != samples_.ids[i]) - (here[x] != samples_.ids[i]);
      }
    }
    present_ = 0;
    for (uint32_t pair = 0; pair < 256; ++pair) {
      if (moved_[pair] != 0) present_ |= 1U << pair / 16 | 1U << pair % 16;
    }
  }
  // What moving the classes of `plane` changes in the number of mismatches.
  int64_t Mismatches(uint32_t plane) const {
    int64_t count = 0;
    for (uint32_t pair = 0; pair < 256; ++pair) {
      if (moved_[pair] != 0 && (plane >> pair / 16 & plane >> pair % 16 & 1) != 0) count += moved_[pair];
    }
    return count;
  }
  std::array<int32_t, 256> moved_{};
  uint32_t present_ = 0;
  Samples samples_;
  std::reference_wrapper<const MapTables> previous_ref_;
  Motion best_;
  int64_t best_cost_ = INT64_MAX;
};

void TryApproaches(Search& search, Motion trial, int step, int64_t margin) {
  for (int approach = -400; approach <= 3600; approach += step) {
    trial.field[Motion::kApproach] = approach;
    search.Try(trial, margin);
  }
}

// Coordinate descent; a field that leaves the value in `last` must save `field_cost` mismatches.
void Descend(Search& search, const Motion& last, int64_t field_cost, int halvings) {
  static constexpr std::array<int, Motion::kNumFields> kFirstStep = {32, 16, 64, 16, 8, 64};
  for (int shift = 0; shift < halvings; ++shift) {
    for (int round = 0; round < 4; ++round) {
      bool changed = false;
      for (size_t i = Motion::kApproach; i < Motion::kNumFields; ++i) {
        const int step = kFirstStep[i] >> shift;
        if (step == 0) continue;
        for (const int sign : {-1, 1}) {
          Motion trial = search.best();
          const bool leaves = trial.field[i] == last.field[i];
          trial.field[i] += sign * step;
          changed |= search.Try(trial, leaves ? field_cost : 1);
        }
      }
      if (!changed) break;
    }
  }
}

}  // namespace

Motion FindCamera(std::span<const uint8_t> ids, int width, int height, size_t count) {
  Motion best;
  best.field[Motion::kCentre] = width / 2;
  best.field[Motion::kHorizon] = height / 2;
  const size_t num_probes = std::min<size_t>(96, count - 1);
  const size_t map_bytes = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<MapTables> maps;
  std::vector<Search> searches;
  maps.reserve(num_probes);
  for (size_t i = 0; i < num_probes; ++i) {
    const size_t t = i * (count - 1) / num_probes;
    maps.emplace_back(width, height, 0);
    MapTables& map = maps.back();
    for (int y = 0; y < height; ++y) {
      std::copy_n(ids.data() + t * map_bytes + static_cast<size_t>(y * width), width, map.ids.Row(y));
    }
    searches.emplace_back(ids.data() + (t + 1) * map_bytes, map, std::max(2, 2 * height / kSampledRows));
  }
  const auto cost_of = [&](const Motion& camera, size_t stride, int halvings) {
    int64_t cost = 0;
    for (size_t i = 0; i < searches.size(); i += stride) {
      Search& search = searches[i];
      search.Restart();
      search.Try(camera, 0);
      TryApproaches(search, camera, 200, kSearchCost);
      Descend(search, camera, kSearchCost / 2, halvings);
      cost += search.best_cost();
    }
    return cost;
  };
  // The slope towards the right camera is short, so a fine grid comes first, then a climb from its best few.
  std::vector<std::pair<int64_t, Motion>> grid;
  for (int horizon = 10; horizon <= 22; ++horizon) {
    for (int centre = 13; centre <= 19; ++centre) {
      Motion trial = best;
      trial.field[Motion::kHorizon] = height * horizon / 32;
      trial.field[Motion::kCentre] = width * centre / 32;
      grid.emplace_back(cost_of(trial, 4, 2), trial);
    }
  }
  std::ranges::stable_sort(grid, {}, &std::pair<int64_t, Motion>::first);
  int64_t best_cost = INT64_MAX;
  for (size_t start = 0; start < 6; ++start) {
    const int64_t cost = cost_of(grid[start].second, 1, 2);
    if (cost >= best_cost) continue;
    best_cost = cost;
    best = grid[start].second;
  }
  for (int step = 8; step >= 2; step /= 2) {
    for (const auto& [dx, dy] : {std::pair{step, 0}, {-step, 0}, {0, step}, {0, -step}}) {
      Motion trial = best;
      trial.field[Motion::kCentre] += dx;
      trial.field[Motion::kHorizon] += dy;
      const int64_t cost = cost_of(trial, 1, 2);
      if (cost >= best_cost) continue;
      best_cost = cost;
      best = trial;
    }
  }
  // Where nothing moves no camera is worth its bits.
  return best_cost < 0 ? best : Motion{};
}

Motion FindMotion(const uint8_t* actual, const MapTables& previous, const Motion& last) {
  Search search(actual, previous, std::max(1, previous.height / kSampledRows));
  search.Try(last, 0);
  Motion trial = last;
  std::fill(trial.field.begin() + Motion::kApproach, trial.field.end(), 0);
  search.Try(trial, 0);
  TryApproaches(search, trial, 100, kFieldCost);
  Descend(search, last, kFieldCost, 5);
  return search.best();
}

}  // namespace kitsink
