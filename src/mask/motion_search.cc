// Searches the camera of a clip and the motion of each map.

#include "mask/motion_search.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <vector>

namespace kitsink {
namespace {

// The pixels by which motions are judged: all pixels that changed, and of the unchanged ones, which a motion must not
// spoil, one column in `column_step`. An unchanged pixel counts `column_step` times.
struct Samples {
  struct Row {
    int y;
    size_t begin, end;
    int64_t changed_above;  // number of changed pixels in the rows above
  };
  std::vector<Row> rows;
  std::vector<uint16_t> columns;
  std::vector<uint8_t> ids;
};

// In large maps the search samples one row in `row_step`, and fewer columns.
struct Sampling {
  int row_step, column_step;
};
Sampling SampleRows(int most_rows, int column_step, int height) {
  const int row_step = std::max(1, height / most_rows);
  return {row_step, column_step * row_step};
}
// A changed field costs bits, so it must save this many mismatches: in one map, and in the search for the camera.
constexpr int64_t kFieldCost = 20, kSearchCost = 24;

// Samples only pixels whose class in the previous map is on `plane`, because no motion moves the others.
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
  // REQUIRES: the planes of all trials are subsets of `plane`.
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
  // The change in the number of mismatches that the motion causes, or a lower bound of it that is at least `least`.
  // Rows go from the bottom up: near objects move most, so a bad motion fails early.
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

// Coordinate descent. A step that moves a field away from its value in `last` must save `field_cost` mismatches.
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

// Scores cameras by the motions that they allow between probes: pairs of consecutive maps, spread over the clip.
class CameraSearch {
 public:
  CameraSearch(std::span<const uint8_t> ids, int width, int height, size_t count)
      : ids_(ids), width_(width), height_(height) {
    best_.field[Motion::kCentre] = width / 2;
    best_.field[Motion::kHorizon] = height / 2;
    const size_t num_probes = std::min<size_t>(64, count - 1);
    maps_.reserve(num_probes);  // the searches refer to the maps
    for (size_t i = 0; i < num_probes; ++i) AddProbe(i * (count - 1) / num_probes);
  }

  // The camera that saves most mismatches. A motion costs bits, so without a saving there is no camera.
  Motion Find() {
    ChoosePlane();
    ChoosePosition();
    ImprovePlane();
    ImprovePosition();
    return best_cost_ < 0 ? best_ : Motion{};
  }

 private:
  static constexpr size_t kMaxIds = 16;

  void AddProbe(size_t t) {
    const size_t map_bytes = static_cast<size_t>(width_) * static_cast<size_t>(height_);
    MapTables& map = maps_.emplace_back(width_, height_, 0);
    for (int y = 0; y < height_; ++y) {
      const uint8_t* row = ids_.data() + t * map_bytes + static_cast<size_t>(y) * static_cast<size_t>(width_);
      std::copy_n(row, width_, map.ids.Row(y));
      for (int x = 1; x < width_; ++x) {
        ++edges_[std::min(row[x - 1], row[x]) * kMaxIds + std::max(row[x - 1], row[x])];
      }
    }
    searches_.emplace_back(ids_.data() + (t + 1) * map_bytes, map, SampleRows(192, 8, height_), Motion().plane);
  }

  // Mismatches that the best motion of this camera adds, summed over one probe in `stride`; negative: it saves some.
  int64_t CostOf(const Motion& camera, size_t stride) {
    int64_t cost = 0;
    for (size_t i = 0; i < searches_.size(); i += stride) {
      Search& search = searches_[i];
      search.Restart();
      search.Try(camera, 0);
      TryApproaches(search, camera, kSearchCost);
      Descend(search, camera, kSearchCost / 2, 2);
      cost += search.best_cost();
    }
    return cost;
  }

  void Try(const Motion& trial, size_t stride) {
    const int64_t cost = CostOf(trial, stride);
    if (cost >= best_cost_) return;
    best_cost_ = cost;
    best_ = trial;
  }

  // Tries the two classes of each of the four most frequent edges. A plane of all classes loses: what does not move
  // (sky, hood of the own car) then spoils every motion.
  void ChoosePlane() {
    Motion trial = best_;
    for (int pair = 0; pair < 4; ++pair) {
      const auto most = std::ranges::max_element(edges_, {}, [&](const int64_t& n) {
        const auto at = static_cast<size_t>(&n - edges_.data());
        return at / kMaxIds != at % kMaxIds ? n : 0;
      });
      const auto at = static_cast<size_t>(most - edges_.begin());
      *most = 0;
      trial.plane = 1U << at / kMaxIds | 1U << at % kMaxIds;
      for (int horizon = 10; horizon <= 22; horizon += 3) {
        trial.field[Motion::kHorizon] = height_ * horizon / 32;
        Try(trial, 6);
      }
    }
  }

  // The cost falls only close to the right camera, so a fine grid of positions on few probes comes before its best four
  // on all probes.
  void ChoosePosition() {
    std::vector<std::pair<int64_t, Motion>> grid;
    Motion trial = best_;
    for (int horizon = 10; horizon <= 22; ++horizon) {
      for (int centre = 13; centre <= 19; ++centre) {
        trial.field[Motion::kHorizon] = height_ * horizon / 32;
        trial.field[Motion::kCentre] = width_ * centre / 32;
        grid.emplace_back(CostOf(trial, 8), trial);
      }
    }
    std::ranges::stable_sort(grid, {}, &std::pair<int64_t, Motion>::first);
    best_cost_ = 0;
    for (size_t start = 0; start < 4; ++start) Try(grid[start].second, 1);
  }

  void ImprovePlane() {
    const int num_ids = *std::ranges::max_element(ids_) + 1;
    for (int id = 0; id < num_ids; ++id) {
      Motion trial = best_;
      trial.plane ^= 1U << id;
      Try(trial, 1);
    }
  }

  void ImprovePosition() {
    for (int step = 8; step >= 2; step /= 2) {
      for (const auto& [dx, dy] : {std::pair{step, 0}, {-step, 0}, {0, step}, {0, -step}}) {
        Motion trial = best_;
        trial.field[Motion::kCentre] += dx;
        trial.field[Motion::kHorizon] += dy;
        Try(trial, 1);
      }
    }
  }

  std::span<const uint8_t> ids_;
  int width_, height_;
  std::vector<MapTables> maps_;
  std::vector<Search> searches_;
  std::array<int64_t, kMaxIds * kMaxIds> edges_{};  // horizontal neighbours, by smaller and larger class
  Motion best_;
  int64_t best_cost_ = 0;
};

}  // namespace

Motion FindCamera(std::span<const uint8_t> ids, int width, int height, size_t count) {
  return CameraSearch(ids, width, height, count).Find();
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
