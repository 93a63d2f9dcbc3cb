#pragma once
// Codes the maps of a segment one after another. One template serves BinaryEncoder and BinaryDecoder.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kitsink/binary_coder.h"
#include "mask/context.h"
#include "mask/ctw_model.h"
#include "mask/fine_counter.h"
#include "mask/journal.h"
#include "mask/map_tables.h"
#include "mask/motion.h"
#include "mask/network.h"
#include "mask/predictor.h"
#include "mask/sure_runs.h"

namespace kitsink {

// What a coder must know about its maps.
struct ClipShape {
  int width, height, num_classes;
  LevelShape work;
  uint64_t pixels;  // in all maps of the segment; small clips get small tables
};

// A coder that adds up the cost of its decisions, by what they were for.
template <typename Coder>
concept CountsBits = requires(Coder coder) {
  coder.ChargeClass(uint8_t{});
};

// What a coder reads of the map before the one that it codes.
struct PreviousMap {
  PreviousMap(int width, int height)
      : tables(EmptyMap(width, height, 4)), warped(EmptyMap(width, height, 2)), sure(width, height) {}
  MapTables tables, warped;
  Plane sure;  // as SureRuns finds it before the map's own rows are known
};

template <typename Coder>
class MapCoder {
 public:
  static constexpr bool kEncoding = !std::is_base_of_v<BinaryDecoder, Coder>;

  MapCoder(const ClipShape& clip, Coder coder)
      : width_(clip.width),
        height_(clip.height),
        num_classes_(clip.num_classes),
        coder_(std::move(coder)),
        easy_(EasyContexts::Shape(clip.work, TableBits(clip.pixels))),
        hard_(HardContexts::Shape(clip.work, TableBits(clip.pixels))),
        all_hard_(clip.work.easy_contexts == 0),
        hard_contexts_(clip.work, width_),
        maps_{EmptyMap(width_, height_, 4), EmptyMap(width_, height_, 4), EmptyMap(width_, height_, 4)},
        warped_(EmptyMap(width_, height_, 2)),
        sure_(width_, height_) {
    for (int i = 0; i < clip.work.num_networks; ++i) {
      networks_.emplace_back(
          NetworkShape{HardContexts::kNumFeatureRows, clip.work.hidden, 16 * HardContexts::kNumRanks},
          static_cast<uint32_t>(i + 1));
    }
    if (clip.work.context_trees) trees_.emplace(CtwShape{}, clip.pixels);
    for (size_t i = 0; i < escape_order_.size(); ++i) escape_order_[i] = static_cast<uint8_t>(i);
  }

  // Makes the latest map the previous one.
  void StartMap() {
    std::swap(maps_[1], maps_[2]);
    std::swap(maps_[0], maps_[1]);
    maps_[0].StartMap(maps_[1]);
  }
  // Codes the motion to the next map and returns it. A decoder ignores the argument.
  const Motion& CodeMotion(const Motion& wanted) {
    const Motion& motion = motion_.Code(coder_, wanted, num_classes_);
    WarpMap(maps_[1], motion, warped_);
    return motion;
  }
  // Codes the next map. `actual` holds its ids; a decoder does not read it.
  void CodeMap(const uint8_t* actual) {
    StartRows();
    for (int y = 0; y < height_ && !coder_.failed(); ++y) CodeRow(actual, y);
    FinishRows();
  }
  // The steps of CodeMap(). A row, and the rows after it, may be coded again once UndoJournal() has been called.
  void StartRows() {
    sure_.StartMap(maps_[1], warped_);
    hard_contexts_.StartMap();
  }
  void CodeRow(const uint8_t* actual, int y) {
    CodePixels(kEncoding ? actual + static_cast<size_t>(y) * static_cast<size_t>(width_) : nullptr, y);
    maps_[0].FinishRow(y);
  }
  void FinishRows() { maps_[0].FinishMap(); }

  // From now on `journal` saves what coding changes, apart from the coder and the tables of the maps.
  void KeepJournal(Journal& journal) {
    SetJournal(&journal);
    sure_.SaveState(journal);
    hard_contexts_.SaveState(journal);
    journal.Save(&motion_);
    journal.Save(&escape_order_);
  }
  // Takes the model back to where KeepJournal() was called, and ends it.
  void UndoJournal(Journal& journal) {
    journal.Undo();
    SetJournal(nullptr);
  }
  // Exchanges the previous map. A second call with the same argument takes it back.
  void SwapPrevious(PreviousMap& other) {
    std::swap(maps_[1], other.tables);
    std::swap(warped_, other.warped);
    sure_.SwapSureBefore(other.sure);
    maps_[0].StartMap(maps_[1]);
  }
  const MapTables& map() const { return maps_[0]; }
  const MapTables& previous() const { return maps_[1]; }
  const MapTables& warped() const { return warped_; }
  Coder& coder() { return coder_; }

 private:
  static int TableBits(uint64_t pixels) { return std::clamp(static_cast<int>(std::bit_width(pixels)) - 6, 10, 18); }

  // The decision to encode; 0 for a decoder, which ignores it.
  static int Is(const uint8_t* actual, int x, uint8_t id) {
    if constexpr (kEncoding) return actual[x] == id ? 1 : 0;
    return 0;
  }

  void CodePixels(const uint8_t* actual, int y) {
    const uint8_t *row = maps_[0].ids.Row(y), *left = maps_[0].left.Row(y);
    maps_[0].StartRow(y);
    sure_.StartRow(maps_[0], y);
    for (int x = 0; x < width_;) {
      if (sure_.Has(x, row[x - 1], left[x - 1])) {
        x = CodeSureRun(actual, x, y);
      } else {
        CodePixel(actual, x, y);
        ++x;
      }
    }
  }

  void SetJournal(Journal* journal) {
    easy_.set_journal(journal);
    hard_.set_journal(journal);
    for (Network& network : networks_) network.set_journal(journal);
    if (trees_) trees_->set_journal(journal);
  }

  void Charge(uint8_t id) {
    if constexpr (CountsBits<Coder>) coder_.ChargeClass(id);
  }

  // Codes a run of sure pixels, and as a hard one the pixel that ends it early. Returns the next column to code.
  int CodeSureRun(const uint8_t* actual, int x, int y) {
    const uint8_t a = maps_[0].ids.Row(y)[x - 1];
    const SureRuns::Run run = sure_.Code(coder_, actual, x, a);
    for (int i = 0; i < run.same; ++i) maps_[0].Put(x + i, y, a);
    if (run.whole) {
      Charge(a);
      return x + run.same;
    }
    CodeHard(actual, x + run.same, y, 1);
    return x + run.same + 1;
  }

  void CodePixel(const uint8_t* actual, int x, int y) {
    const uint8_t *row = maps_[0].ids.Row(y), *r1 = maps_[0].ids.Row(y - 1), *r2 = maps_[0].ids.Row(y - 2);
    const uint8_t *p = maps_[1].ids.Row(y), *pm = maps_[1].ids.Row(y - 1), *p1 = maps_[1].ids.Row(y + 1);
    const uint8_t a = row[x - 1];
    const bool easy = row[x - 2] == a && r1[x] == a && r1[x - 1] == a && r1[x + 1] == a && r2[x] == a && p[x] == a &&
                      p[x + 1] == a && p[x - 1] == a && p1[x] == a && pm[x] == a && warped_.ids.Row(y)[x] == a;
    if (!easy || all_hard_) {
      CodeHard(actual, x, y, 0);
      return;
    }
    easy_contexts_.Gather(Around(), x, y);
    easy_contexts_.Set(easy_, a);
    const int bit = coder_.Code(Is(actual, x, a), easy_.Predict());
    easy_.Update(bit);
    if (bit != 0) {
      maps_[0].Put(x, y, a);
      Charge(a);
    } else {
      CodeHard(actual, x, y, 1);
    }
  }

  // Codes "is it this class?" for one candidate class after another, nearest neighbours first. The first `known`
  // candidates are already excluded. The last class left needs no decision.
  void CodeHard(const uint8_t* actual, int x, int y, int known) {
    hard_contexts_.Gather(Around(), x, y);
    for (Network& network : networks_) network.SetInput(hard_contexts_.features());
    if (trees_) trees_->Gather(hard_contexts_.measures());
    const uint8_t *row = maps_[0].ids.Row(y), *r1 = maps_[0].ids.Row(y - 1);
    const uint8_t *p = maps_[1].ids.Row(y), *pm = maps_[1].ids.Row(y - 1), *p1 = maps_[1].ids.Row(y + 1);
    const std::array<uint8_t, 10> nearest = {row[x - 1], r1[x], p[x],     r1[x + 1], r1[x - 1],
                                             p[x + 1],   p1[x], p[x - 1], pm[x],     warped_.ids.Row(y)[x]};
    uint32_t seen = 0;
    int asked = 0;
    const auto settles = [&](uint8_t candidate) {
      if ((seen >> candidate & 1) != 0) return false;
      seen |= 1U << candidate;
      const int rank = asked++;
      if (rank < known) return false;
      const bool settled =
          asked == num_classes_ || Ask(actual, x, std::min(rank, HardContexts::kNumRanks - 1), candidate);
      if (settled) {
        maps_[0].Put(x, y, candidate);
        Charge(candidate);
      }
      return settled;
    };
    for (const uint8_t candidate : nearest) {
      if (settles(candidate)) return;
    }
    // The class is not that of a neighbour. Try the others, those found here most recently first.
    for (auto at = escape_order_.begin(); at != escape_order_.begin() + num_classes_; ++at) {
      if (!settles(*at)) continue;
      std::rotate(escape_order_.begin(), at, at + 1);
      return;
    }
  }

  bool Ask(const uint8_t* actual, int x, int rank, uint8_t candidate) {
    hard_contexts_.Set(hard_, rank, candidate);
    for (size_t i = 0; i < networks_.size(); ++i) {
      hard_.SetExtra(static_cast<int>(i), networks_[i].Predict(rank * 16 + candidate));
    }
    if (trees_) {
      const uint32_t p_one = trees_->Predict(rank, candidate);
      hard_.SetExtra(static_cast<int>(networks_.size()), Stretch(Logistic(), p_one >> (32 - kProbabilityBits)));
    }
    const int bit = coder_.Code(Is(actual, x, candidate), hard_.Predict());
    hard_.Update(bit);
    if (trees_) trees_->Update(bit);
    for (Network& network : networks_) network.Update(bit);
    return bit != 0;
  }

  Surroundings Around() const { return {&maps_[0], &maps_[1], &maps_[2], &warped_}; }

  int width_, height_, num_classes_;
  Coder coder_;
  Predictor easy_, hard_;
  std::vector<Network> networks_;  // with different initial weights
  std::optional<CtwModel> trees_;
  bool all_hard_;
  EasyContexts easy_contexts_;
  HardContexts hard_contexts_;
  std::array<MapTables, 3> maps_;  // the map being coded, the previous one, the one before it
  MapTables warped_;
  MotionCoder motion_;
  SureRuns sure_;
  std::array<uint8_t, 16> escape_order_{};
};

}  // namespace kitsink
