#include "mask/motion_search.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <vector>

namespace kitsink {
namespace {

// The pixels that motions are judged by: all that changed, and of those that did not one column in `column_step`, which
// a motion must not spoil; each stands for `column_step` of its kind.
struct Samples {
  struct Row {
    int y;
    size_t begin, end;
    int64_t changed_above;  // pixels that changed, in the rows before this
  };
  std::vector<Row> rows;
  std::vector<uint16_t> columns;
  std::vector<uint8_t> ids;
};

// Rows are skipped where a map has many of them, and columns with them.
struct Sampling {
  int row_step, column_step;
};
Sampling SampleRows(int most_rows, int column_step, int height) {
  const int row_step = std::max(1, height / most_rows);
  return {row_step, column_step * row_step};
}
// A changed field must save this many mismatches: of one map, where it costs bits, and while the camera is searched.
constexpr int64_t kFieldCost = 20, kSearchCost = 24;

// Only those whose class in the previous map is on `plane`: the others stay in every motion.
Samples TakeSamples(const uint8_t* actual, const MapTables& previous, Sampling sampling, uint32_t plane) {
  Samples samples;
  const int width = previous.width;
  int64_t changed = 0;
  for (int y = 0; y < previous.height; y += sampling.row_step) {
    const uint8_t* row = actual + static_cast<size_t>(y) * static_cast<size_t>(width);
    const uint8_t* before = previous.ids.Row(y);
    const size_t begin = samples.columns.size();
    const int64_t changed_above = changed;
    for (int x = 0; x < width; ++x) {
      if ((plane >> before[x] & 1) == 0) continue;
      if (before[x] == row[x] && x % sampling.column_step != 0) continue;
      changed += before[x] != row[x];
      samples.columns.push_back(static_cast<uint16_t>(x));
      samples.ids.push_back(row[x]);
    }
    if (samples.columns.size() > begin) samples.rows.push_back({y, begin, samples.columns.size(), changed_above});
  }
  return samples;
}

class Search {
 public:
  // REQUIRES: trials have no class on their plane that is not on `plane`.
  Search(const uint8_t* actual, const MapTables& previous, Sampling sampling, uint32_t plane)
      : samples_(TakeSamples(actual, previous, sampling, plane)),
        weight_(sampling.column_step),
        previous_ref_(previous) {}

  // Keeps the trial when it saves more than `margin` mismatches.
  bool Try(const Motion& trial, int64_t margin) {
    for (const int32_t value : trial.field) {
      if (std::abs(value) >= 1 << kMotionBits) return false;
    }
    const int64_t cost = Mismatches(trial, best_cost_ - margin);
    if (cost >= best_cost_ - margin) return false;
    best_ = trial;
    best_cost_ = cost;
    return true;
  }
  const Motion& best() const { return best_; }
  int64_t best_cost() const { return best_cost_; }
  void Restart() { best_cost_ = INT64_MAX; }

 private:
  // What the motion changes in the number of mismatches, or a bound that is not below `least`. From the bottom up,
  // since what is near moves most: a bad motion is found out early.
  int64_t Mismatches(const Motion& motion, int64_t least) const {
    int64_t count = 0;
    const int64_t last = previous_ref_.get().width - 1;
    for (size_t row = samples_.rows.size(); row-- > 0;) {
      const Samples::Row& sampled = samples_.rows[row];
      const WarpedRow warp = WarpRow(motion, sampled.y, previous_ref_.get().height);
      const uint8_t* source = previous_ref_.get().ids.Row(warp.y);
      const uint8_t* here = previous_ref_.get().ids.Row(sampled.y);
      for (size_t i = sampled.begin; i < sampled.end; ++i) {
        const int x = samples_.columns[i];
        const uint8_t id = source[std::clamp<int64_t>((warp.start + x * warp.step) >> 16, 0, last)];
        const bool moves = (motion.plane >> here[x] & motion.plane >> id & 1) != 0;
        if (moves) count += here[x] == samples_.ids[i] ? (id != here[x]) * weight_ : -(id == samples_.ids[i]);
      }
      if (count - sampled.changed_above >= least) return count - sampled.changed_above;
    }
    return count;
  }
  Samples samples_;
  int weight_;  // of a pixel that did not change
  std::reference_wrapper<const MapTables> previous_ref_;
  Motion best_;
  int64_t best_cost_ = INT64_MAX;
};

void TryApproaches(Search& search, Motion trial, int64_t margin) {
  for (int approach = -3200; approach <= 3200; approach += 200) {
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
  const size_t num_probes = std::min<size_t>(64, count - 1);
  const size_t map_bytes = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<MapTables> maps;
  std::vector<Search> searches;
  std::array<int64_t, 256> edges{};  // between two classes, by the smaller and the larger
  maps.reserve(num_probes);
  for (size_t i = 0; i < num_probes; ++i) {
    const size_t t = i * (count - 1) / num_probes;
    maps.emplace_back(width, height, 0);
    MapTables& map = maps.back();
    for (int y = 0; y < height; ++y) {
      const uint8_t* row = ids.data() + t * map_bytes + static_cast<size_t>(y) * static_cast<size_t>(width);
      std::copy_n(row, width, map.ids.Row(y));
      for (int x = 1; x < width; ++x) ++edges[std::min(row[x - 1], row[x]) * 16U + std::max(row[x - 1], row[x])];
    }
    searches.emplace_back(ids.data() + (t + 1) * map_bytes, map, SampleRows(192, 8, height), Motion().plane);
  }
  const auto cost_of = [&](const Motion& camera, size_t stride) {
    int64_t cost = 0;
    for (size_t i = 0; i < searches.size(); i += stride) {
      Search& search = searches[i];
      search.Restart();
      search.Try(camera, 0);
      TryApproaches(search, camera, kSearchCost);
      Descend(search, camera, kSearchCost / 2, 2);
      cost += search.best_cost();
    }
    return cost;
  };
  int64_t best_cost = 0;
  const auto improves = [&](const Motion& trial, size_t stride) {
    const int64_t cost = cost_of(trial, stride);
    if (cost >= best_cost) return false;
    best_cost = cost;
    best = trial;
    return true;
  };

  // What moves with the camera is first of all the edge between two classes. A plane of all classes would do, were it
  // not that what stays (sky, the own hood) then spoils every motion.
  Motion trial = best;
  for (int pair = 0; pair < 4; ++pair) {
    const auto most = std::ranges::max_element(edges, {}, [&](const int64_t& n) {
      const auto at = static_cast<size_t>(&n - edges.data());
      return at / 16 != at % 16 ? n : 0;
    });
    const auto at = static_cast<uint32_t>(most - edges.begin());
    *most = 0;
    trial.plane = 1U << at / 16 | 1U << at % 16;
    for (int horizon = 10; horizon <= 22; horizon += 3) {
      trial.field[Motion::kHorizon] = height * horizon / 32;
      improves(trial, 6);
    }
  }
  // The slope towards the right camera is short, so a fine grid comes first, then a climb from its best few.
  std::vector<std::pair<int64_t, Motion>> grid;
  trial = best;
  for (int horizon = 10; horizon <= 22; ++horizon) {
    for (int centre = 13; centre <= 19; ++centre) {
      trial.field[Motion::kHorizon] = height * horizon / 32;
      trial.field[Motion::kCentre] = width * centre / 32;
      grid.emplace_back(cost_of(trial, 8), trial);
    }
  }
  std::ranges::stable_sort(grid, {}, &std::pair<int64_t, Motion>::first);
  best_cost = 0;
  for (size_t start = 0; start < 4; ++start) improves(grid[start].second, 1);
  const int num_ids = *std::ranges::max_element(ids) + 1;
  for (int id = 0; id < num_ids; ++id) {
    trial = best;
    trial.plane ^= 1U << id;
    improves(trial, 1);
  }
  for (int step = 8; step >= 2; step /= 2) {
    for (const auto& [dx, dy] : {std::pair{step, 0}, {-step, 0}, {0, step}, {0, -step}}) {
      trial = best;
      trial.field[Motion::kCentre] += dx;
      trial.field[Motion::kHorizon] += dy;
      improves(trial, 1);
    }
  }
  // Where nothing moves no camera is worth its bits.
  return best_cost < 0 ? best : Motion{};
}

Motion FindMotion(const uint8_t* actual, const MapTables& previous, const Motion& last) {
  Search search(actual, previous, SampleRows(384, 4, previous.height), last.plane);
  search.Try(last, 0);
  Motion trial = last;
  std::fill(trial.field.begin() + Motion::kApproach, trial.field.end(), 0);
  search.Try(trial, 0);
  TryApproaches(search, trial, kFieldCost);
  Descend(search, last, kFieldCost, 5);
  return search.best();
}

}  // namespace kitsink
