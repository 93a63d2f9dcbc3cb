// Tests of the prices of edits: exactness, undo, threads, borders, errors.

#include "kitsink/mask_prices.h"

#include <algorithm>
#include <array>

#include "mask/edit_pricer.h"
#include "mask/edited_previous.h"
#include "mask/head.h"
#include "mask/motion_search.h"
#include "mask/segments.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::Random;

constexpr uint32_t kWidth = 60, kHeight = 44, kMaps = 4, kClasses = 5;

// Shapes that move, with ragged edges.
MaskClip Street() {
  Random random(7);
  MaskClip clip{kWidth, kHeight, kMaps, kClasses, {}};
  for (uint32_t t = 0; t < kMaps; ++t) {
    for (uint32_t y = 0; y < kHeight; ++y) {
      for (uint32_t x = 0; x < kWidth; ++x) {
        const uint32_t ragged = x + (random.Below(6) == 0 ? 1 : 0);
        const bool road = ragged + y / 2 > kWidth / 2 && ragged < kWidth / 2 + y / 2;
        clip.ids.push_back(static_cast<uint8_t>(y < kHeight / 3                  ? 0
                                                : road                           ? 1
                                                : (ragged + 3 * t) / 11 % 3 == 0 ? 2
                                                                                 : 4));
      }
    }
  }
  return clip;
}

MapEdits RandomEdits(Random& random, size_t count) {
  MapEdits edits;
  for (size_t i = 0; i < count; ++i) {
    edits.push_back({random.Below(kWidth), random.Below(kHeight), static_cast<uint8_t>(random.Below(kClasses))});
  }
  return edits;
}

// Single pixels (all corners among them) and sets.
std::vector<MapEdits> Candidates() {
  Random random(11);
  std::vector<MapEdits> candidates = {
      {{0, 0, 3}}, {{kWidth - 1, 0, 3}}, {{0, kHeight - 1, 3}}, {{kWidth - 1, kHeight - 1, 3}}};
  for (int i = 0; i < 8; ++i) candidates.push_back(RandomEdits(random, 1));
  for (int i = 0; i < 2; ++i) candidates.push_back(RandomEdits(random, 30));
  return candidates;
}

void Apply(const MapEdits& edits, size_t map, MaskClip& clip) {
  for (const MapEdit& edit : edits) clip.ids[map * clip.map_bytes() + edit.y * clip.width + edit.x] = edit.id;
}

enum class Motions { kSearched, kKept };

// Codes maps without a journal.
class PlainCoder {
 public:
  PlainCoder(const MaskClip& clip, int level) {
    MapModel model(ShapeOf(HeadOf(clip, level, Limits{}).TakeValue()), CodeLength());
    Motion motion = FindCamera(clip.ids, kWidth, kHeight, kMaps);
    for (size_t i = 0; i < kMaps; ++i) {
      before_.push_back({motion, model});
      motion = Code(model, i, clip, Search(model, i, clip, motion)).motion;
    }
  }
  // The lengths of maps `map` and `map` + 1 of `clip`, which equals the first clip but for map `map`.
  std::array<double, 2> Lengths(const MaskClip& clip, size_t map, Motions motions) const {
    Before at = before_[map];
    std::array<double, 2> bits{};
    for (size_t i = map; i < std::min<size_t>(map + 2, kMaps); ++i) {
      const bool kept = motions == Motions::kKept && i + 1 < kMaps;
      const Coded coded = Code(at.model, i, clip, kept ? before_[i + 1].motion : Search(at.model, i, clip, at.motion));
      at.motion = coded.motion;
      bits[i - map] = BitsOf(coded.length);
    }
    return bits;
  }

 private:
  struct Before {
    Motion motion;  // to the last coded map
    MapModel model;
  };
  struct Coded {
    Motion motion;
    int64_t length;
  };
  static Motion Search(const MapModel& model, size_t map, const MaskClip& clip, const Motion& last) {
    return map == 0 ? last : FindMotion(clip.map(map).data(), model.map(), last);
  }
  static Coded Code(MapModel& model, size_t map, const MaskClip& clip, const Motion& motion) {
    const int64_t before = model.coder().total();
    model.StartMap();
    model.CodeMotion(motion);
    model.CodeMap(clip.map(map).data());
    return {motion, model.coder().total() - before};
  }
  std::vector<Before> before_;  // each map
};

EditPricer Pricer(const MaskClip& clip, const PriceOptions& options) {
  Result<EditPricer> pricer = EditPricer::Create(clip, options, Limits{});
  EXPECT_TRUE(pricer.ok()) << pricer.error().message;
  return pricer.TakeValue();
}

std::vector<EditPrice> Prices(EditPricer& pricer, size_t map, std::span<const MapEdits> candidates) {
  Result<std::vector<EditPrice>> prices = pricer.Price(map, candidates);
  EXPECT_TRUE(prices.ok()) << prices.error().message;
  return prices.ok() ? prices.TakeValue() : std::vector<EditPrice>(candidates.size());
}

void ExpectEqual(std::span<const EditPrice> a, std::span<const EditPrice> b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].map_bits, b[i].map_bits) << "candidate " << i;
    EXPECT_EQ(a[i].next_bits, b[i].next_bits) << "candidate " << i;
  }
}

// Bit for bit, at every level, for a first map, one between and the last.
TEST(EditPricer, AllRowsGiveTheDifferenceOfTwoCodeLengths) {
  const MaskClip clip = Street();
  const std::vector<MapEdits> candidates = Candidates();
  for (int level = 1; level <= 3; ++level) {
    EditPricer pricer = Pricer(clip, {level, 1, kAllRows});
    const PlainCoder coder(clip, level);
    for (const size_t map : {size_t{0}, size_t{2}, size_t{kMaps - 1}}) {
      const std::vector<EditPrice> prices = Prices(pricer, map, candidates);
      const std::array<double, 2> plain = coder.Lengths(clip, map, Motions::kSearched);
      for (size_t i = 0; i < candidates.size(); ++i) {
        MaskClip edited = clip;
        Apply(candidates[i], map, edited);
        const std::array<double, 2> lengths = coder.Lengths(edited, map, Motions::kSearched);
        EXPECT_EQ(prices[i].map_bits, lengths[0] - plain[0]) << "level " << level << " map " << map << " edit " << i;
        EXPECT_EQ(prices[i].next_bits, lengths[1] - plain[1]) << "level " << level << " map " << map << " edit " << i;
      }
    }
  }
}

// A price of so many rows that they reach the bottom is that of coding the whole map with its motion: what the
// candidates share and take back leaves no trace.
TEST(EditPricer, RowsToTheBottomGiveTheLengthOfTheMap) {
  const MaskClip clip = Street();
  const std::vector<MapEdits> candidates = Candidates();
  for (int level = 1; level <= 3; ++level) {
    EditPricer pricer = Pricer(clip, {level, 1, kHeight});
    const PlainCoder coder(clip, level);
    for (const size_t map : {size_t{0}, size_t{2}}) {
      const std::vector<EditPrice> prices = Prices(pricer, map, candidates);
      const std::array<double, 2> plain = coder.Lengths(clip, map, Motions::kKept);
      for (size_t i = 0; i < candidates.size(); ++i) {
        MaskClip edited = clip;
        Apply(candidates[i], map, edited);
        const double length = coder.Lengths(edited, map, Motions::kKept)[0];
        EXPECT_EQ(prices[i].map_bits, length - plain[0]) << "level " << level << " map " << map << " edit " << i;
      }
    }
  }
}

// An edit that changes nothing is free; a rare class in the middle of the sky is not.
TEST(EditPricer, PricesAreSound) {
  const MaskClip clip = Street();
  for (const int rows : {kAllRows, 8}) {
    EditPricer pricer = Pricer(clip, {1, 1, rows});
    const std::vector<MapEdits> candidates = {{{10, 10, 0}}, {{10, 10, 3}, {10, 10, 0}}, {{10, 10, 3}}};
    const std::vector<EditPrice> prices = Prices(pricer, 2, candidates);
    EXPECT_EQ(prices[0].bits(), 0);
    EXPECT_EQ(prices[1].bits(), 0);
    EXPECT_GT(prices[2].map_bits, 8);
    EXPECT_EQ(prices[2].bits(), prices[2].map_bits + prices[2].next_bits);
  }
}

// Until a row lies below all that changes, more rows come nearer to the truth.
TEST(EditPricer, FewRowsAgreeWithAllRows) {
  const MaskClip clip = Street();
  const std::vector<MapEdits> candidates = Candidates();
  for (int level = 1; level <= 3; ++level) {
    EditPricer all = Pricer(clip, {level, 1, kAllRows}), few = Pricer(clip, {level, 1, 16});
    const std::vector<EditPrice> truth = Prices(all, 2, candidates), prices = Prices(few, 2, candidates);
    double error = 0, sum = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
      error += std::abs(prices[i].bits() - truth[i].bits());
      sum += std::abs(truth[i].bits());
    }
    EXPECT_LT(error, 0.1 * sum) << "level " << level;
    EXPECT_GT(error, 0) << "level " << level;
  }
}

void ExpectEqual(const Plane& a, const Plane& b, const char* name) {
  for (int y = -kMarginRows; y < static_cast<int>(kHeight) + kMarginRows; ++y) {
    const std::span row_a(a.Row(y) - kMarginColumns, a.stride()), row_b(b.Row(y) - kMarginColumns, b.stride());
    ASSERT_TRUE(std::ranges::equal(row_a, row_b)) << name << ", row " << y;
  }
}
void ExpectEqual(const MapTables& a, const MapTables& b) {
  ExpectEqual(a.ids, b.ids, "ids");
  ExpectEqual(a.left, b.left, "left");
  ExpectEqual(a.right, b.right, "right");
  ExpectEqual(a.up, b.up, "up");
  ExpectEqual(a.down, b.down, "down");
  ExpectEqual(a.flat, b.flat, "flat");
}

// Tables that are changed row by row equal those of the edited map, margins included.
TEST(EditedPrevious, EqualsTheTablesOfTheEditedMap) {
  const MaskClip clip = Street();
  Random random(5);
  Motion motion = FindCamera(clip.ids, kWidth, kHeight, kMaps);
  motion.field = {30, 15, 900, 13, -20, 40};
  motion.plane = 0x16;
  MapTables older = EmptyMap(kWidth, kHeight, 4), tables = older, warped = EmptyMap(kWidth, kHeight, 2);
  FillMap(clip.map(0).data(), older, older);
  FillMap(clip.map(1).data(), older, tables);
  WarpMap(tables, motion, warped);
  EditedPrevious previous(tables, warped, motion);
  std::vector<MapEdits> candidates = Candidates();
  for (int i = 0; i < 40; ++i) candidates.push_back(RandomEdits(random, 1 + random.Below(3)));
  MapEdits first_row, last_row;
  for (uint32_t x = 0; x < kWidth; x += 3) first_row.push_back({x, 0, 1}), last_row.push_back({x, kHeight - 1, 2});
  candidates.push_back(first_row);
  candidates.push_back(last_row);
  for (const MapEdits& edits : candidates) {
    MaskClip edited = clip;
    Apply(edits, 1, edited);
    PreviousMap expected(kWidth, kHeight);
    FillMap(edited.map(1).data(), older, expected.tables);
    WarpMap(expected.tables, motion, expected.warped);
    for (int y = 0; y < static_cast<int>(kHeight); ++y) {
      SureRuns::FindSureBefore(expected.tables, expected.warped, y, expected.sure);
    }
    const PreviousMap& made = previous.Make(edits);
    ExpectEqual(made.tables, expected.tables);
    ExpectEqual(made.warped, expected.warped);
    for (int y = 0; y < static_cast<int>(kHeight); ++y) {
      ASSERT_TRUE(std::equal(made.sure.Row(y), made.sure.Row(y) + kWidth, expected.sure.Row(y))) << "sure, row " << y;
    }
    const Rows changed = previous.Changed(edits);
    for (int y = 0; y < static_cast<int>(kHeight); ++y) {
      const bool same = std::equal(made.tables.ids.Row(y), made.tables.ids.Row(y) + kWidth, tables.ids.Row(y)) &&
                        std::equal(made.warped.ids.Row(y), made.warped.ids.Row(y) + kWidth, warped.ids.Row(y));
      EXPECT_TRUE(same || (y >= changed.first && y < changed.end)) << "row " << y;
    }
  }
}

// Neither other candidates, nor threads, nor prices asked for before change a price.
TEST(EditPricer, PricesDependOnNothingElse) {
  const MaskClip clip = Street();
  const std::vector<MapEdits> candidates = Candidates();
  for (const int rows : {kAllRows, 8}) {
    EditPricer pricer = Pricer(clip, {2, 1, rows});
    const std::vector<EditPrice> prices = Prices(pricer, 1, candidates);
    ExpectEqual(Prices(pricer, 1, candidates), prices);
    for (size_t i = 0; i < candidates.size(); i += 5) {
      ExpectEqual(Prices(pricer, 1, std::span(candidates).subspan(i, 1)), std::span(prices).subspan(i, 1));
    }
    for (const int threads : {2, 3, 50}) {
      EditPricer other = Pricer(clip, {2, threads, rows});
      ExpectEqual(Prices(other, 1, candidates), prices);
    }
    EXPECT_TRUE(Prices(pricer, 1, {}).empty());
    // The model then goes on as if nothing had been priced.
    EditPricer fresh = Pricer(clip, {2, 1, rows});
    ExpectEqual(Prices(pricer, 2, candidates), Prices(fresh, 2, candidates));
  }
}

// The encoder's own stream does not change when rows were coded with edits and undone on the way.
TEST(EditPricer, UndoLeavesTheStreamAsItWas) {
  const MaskClip clip = Street();
  for (int level = 1; level <= 3; ++level) {
    const ClipShape shape = ShapeOf(HeadOf(clip, level, Limits{}).TakeValue());
    const auto encode = [&](bool with_edits) {
      Random random(3);
      Journal journal;
      MapCoder<BinaryEncoder> maps(shape, BinaryEncoder());
      const Motion still = FindCamera(clip.ids, kWidth, kHeight, kMaps);
      for (size_t i = 0; i < kMaps; ++i) {
        maps.StartMap();
        const Motion motion = maps.CodeMotion(still);
        maps.StartRows();
        for (int y = 0; y < static_cast<int>(kHeight); ++y) {
          if (with_edits && y % 9 == 0) {
            const BinaryEncoder before = maps.coder();
            MaskClip edited = clip;
            Apply(RandomEdits(random, 40), i, edited);
            maps.KeepJournal(journal);
            for (int row = y; row < static_cast<int>(kHeight); ++row) maps.CodeRow(edited.map(i).data(), row);
            maps.UndoJournal(journal);
            if (i > 0) {
              EditedPrevious previous(maps.previous(), maps.warped(), motion);
              PreviousMap& edited_previous = previous.Make(RandomEdits(random, 40));
              maps.SwapPrevious(edited_previous);
              maps.KeepJournal(journal);
              for (int row = y; row < static_cast<int>(kHeight); ++row) maps.CodeRow(clip.map(i).data(), row);
              maps.UndoJournal(journal);
              maps.SwapPrevious(edited_previous);
            }
            maps.coder() = before;
          }
          maps.CodeRow(clip.map(i).data(), y);
        }
        maps.FinishRows();
      }
      return maps.coder().Finish();
    };
    EXPECT_EQ(encode(true), encode(false)) << "level " << level;
  }
}

// Maps that are not coded yet may change between calls.
TEST(EditPricer, SeesMapsAsTheyAreNow) {
  MaskClip clip = Street();
  const std::vector<MapEdits> candidates = Candidates();
  EditPricer pricer = Pricer(clip, {1, 1, 16});
  Prices(pricer, 2, candidates);
  Apply(candidates.back(), 2, clip);
  const std::vector<EditPrice> prices = Prices(pricer, 2, candidates);
  EXPECT_EQ(prices.back().bits(), 0);  // these edits are made already
  EXPECT_NE(prices[5].bits(), 0);
  EXPECT_EQ(pricer.position(), 2U);
  clip.ids[3 * clip.map_bytes() + 5] = kClasses;
  EXPECT_EQ(pricer.Price(2, candidates).error().message, "mask: map 3: class id 5, expected below 5, at pixel 5");
}

TEST(EditPricer, HandlesTinyMaps) {
  const MaskClip clip{1, 1, 2, 2, {0, 1}};
  for (const int rows : {kAllRows, 0, 3}) {
    EditPricer pricer = Pricer(clip, {3, 2, rows});
    const std::vector<MapEdits> candidates = {{{0, 0, 1}}};
    EXPECT_NE(Prices(pricer, 0, candidates)[0].map_bits, 0);
    EXPECT_EQ(Prices(pricer, 1, candidates)[0].bits(), 0);
  }
}

TEST(EditPricer, RejectsBadArguments) {
  const MaskClip clip = Street();
  const auto create_error = [&](const PriceOptions& options) {
    const Result<EditPricer> pricer = EditPricer::Create(clip, options, Limits{});
    return pricer.ok() ? "" : pricer.error().message;
  };
  EXPECT_EQ(create_error({0, 1, 8}), "mask: level 0, expected 1, 2 or 3");
  EXPECT_EQ(create_error({kCtwLevel, 1, 8}), "mask: level 4, expected 1, 2 or 3");
  EXPECT_EQ(create_error({1, 0, 8}), "mask: threads 0, expected 1 or more");
  EXPECT_EQ(create_error({1, 1, -2}), "mask: rows -2, expected 0 or more, or kAllRows");
  MaskClip short_clip = clip;
  short_clip.ids.pop_back();
  EXPECT_EQ(EditPricer::Create(short_clip, {}, Limits{}).error().message,
            "mask: class maps hold 10559 ids, expected 10560");

  EditPricer pricer = Pricer(clip, {});
  const auto price_error = [&](size_t map, const MapEdits& edits) {
    const std::vector<MapEdits> candidates = {{{0, 0, 1}}, edits};
    const Result<std::vector<EditPrice>> prices = pricer.Price(map, candidates);
    EXPECT_FALSE(prices.ok());
    if (prices.ok()) return std::string();
    EXPECT_EQ(prices.error().code, Code::kInvalidArgument);
    return prices.error().message;
  };
  EXPECT_EQ(price_error(2, {}), "mask: candidate 1 has no edits, expected at least one");
  EXPECT_EQ(price_error(2, {{3, 3, 1}, {60, 5, 1}}), "mask: candidate 1: pixel (60, 5), expected inside 60 x 44");
  EXPECT_EQ(price_error(2, {{5, 44, 1}}), "mask: candidate 1: pixel (5, 44), expected inside 60 x 44");
  EXPECT_EQ(price_error(2, {{5, 5, 5}}), "mask: candidate 1: class id 5, expected below 5");
  EXPECT_EQ(price_error(1, {{5, 5, 1}}), "mask: map 1, expected 2 to 3");
  EXPECT_EQ(price_error(4, {{5, 5, 1}}), "mask: map 4, expected 2 to 3");
}

}  // namespace
}  // namespace kitsink
