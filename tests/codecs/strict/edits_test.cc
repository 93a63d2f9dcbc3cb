// Tests which edits of class maps codec strict proposes, makes and keeps.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "codecs/strict/edit_maps.h"
#include "codecs/strict/network_torch.h"
#include "codecs/strict/render_testlib.h"
#include "codecs/strict/search_edits.h"
#include "nets/nets_torch.h"
#include "testlib.h"

namespace kitsink::strict {
namespace {

using testing::Must;

constexpr EditCosts kCosts{10, 1};  // an error is worth ten bits

// Class 0 above class 1, with one pixel of class 2.
struct SmallMap {
  uint32_t width = 16, height = 12;
  std::vector<uint8_t> ids = std::vector<uint8_t>(size_t{width} * height, 0);
  std::vector<float> gradient = std::vector<float>(3 * ids.size(), 0);

  SmallMap() {
    std::fill(ids.begin() + static_cast<ptrdiff_t>(At(0, 6)), ids.end(), uint8_t{1});
    ids[At(4, 2)] = 2;
  }
  size_t At(size_t x, size_t y) const { return y * width + x; }
  std::vector<EditIdea> Propose(const std::set<IdeaKey>& known, size_t most) const {
    return ProposeEdits({width, height, ids, {}, {}}, gradient, kCosts, known, most);
  }
};

TEST(ProposeEdits, FillsALonelyPixelWhenNothingIsWrong) {
  const SmallMap map;
  const std::vector<EditIdea> ideas = map.Propose({}, 100);
  ASSERT_FALSE(ideas.empty());
  EXPECT_EQ(KeyOf(ideas[0].edits, map.width), (IdeaKey{256 * map.At(4, 2)}));  // class 0
  EXPECT_LT(ideas[0].bits, 0);
  EXPECT_EQ(ideas[0].errors, 0);
}

TEST(ProposeEdits, MovesTheStretchOfAnEdgeThatTheGradientNames) {
  SmallMap map;
  IdeaKey stretch;
  for (size_t x = 5; x < 11; ++x) {
    map.gradient[map.ids.size() + map.At(x, 5)] = -4;  // class 1 would mend errors there
    stretch.push_back(256 * map.At(x, 5) + 1);
  }
  const std::vector<EditIdea> ideas = map.Propose({}, 100);
  ASSERT_FALSE(ideas.empty());
  EXPECT_EQ(KeyOf(ideas[0].edits, map.width), stretch);
  EXPECT_LT(ideas[0].errors, 0);
  // What is known is not proposed again, and no idea comes twice.
  EXPECT_EQ(map.Propose({stretch}, 100).size() + 1, ideas.size());
  std::set<IdeaKey> keys;
  for (const EditIdea& idea : ideas) EXPECT_TRUE(keys.insert(KeyOf(idea.edits, map.width)).second);
  EXPECT_EQ(map.Propose({}, 2).size(), 2U);
}

TestedIdea Tested(uint32_t x, double bits, std::vector<size_t> mended, std::vector<size_t> broken) {
  TestedIdea tested{{{{x, 20, 1}}, 0, bits}, std::move(mended), std::move(broken)};
  tested.idea.errors = static_cast<double>(tested.broken.size()) - static_cast<double>(tested.mended.size());
  return tested;
}

TEST(OrderIdeas, CountsAPixelThatTwoIdeasMendOnce) {
  const std::vector<TestedIdea> ideas = {
      Tested(5, 2, {1, 2, 3}, {}),      // -28
      Tested(20, 1, {1, 2, 3, 4}, {}),  // -39
      Tested(35, 0, {3, 9}, {10, 11}),  // 0, and 10 once pixel 3 is mended
      Tested(50, 0, {7}, {}),           // -10
      Tested(52, -5, {8}, {}),          // -15, beside the one before
  };
  std::vector<size_t> order;
  std::vector<double> adds;
  for (const AddedIdea& added : OrderIdeas(ideas, kCosts, 5, 64, 40)) {
    order.push_back(added.index);
    adds.push_back(added.score);
  }
  EXPECT_EQ(order, (std::vector<size_t>{1, 4, 0}));
  EXPECT_EQ(adds, (std::vector<double>{-39, -15, 2}));
}

TEST(PayingIdeas, JudgesEachByThePixelsNearestToIt) {
  constexpr uint32_t kWidth = 64, kHeight = 40;
  const std::vector<EditIdea> set = {Tested(10, 4, {}, {}).idea, Tested(20, 4, {}, {}).idea,
                                     Tested(40, 4, {}, {}).idea};
  std::vector<uint8_t> before(size_t{kWidth} * kHeight), after(before.size());
  const auto at = [](size_t x) { return 20 * kWidth + x; };
  before[at(11)] = 1;                  // the first mends a pixel
  before[at(18)] = after[at(16)] = 1;  // the second mends one and breaks one
  after[at(60)] = 1;                   // too far from all
  for (const size_t x : {38, 42}) before[at(x)] = 1;
  after[at(40)] = 1;  // the third mends two and breaks one
  const std::vector<EditIdea> paying = PayingIdeas(set, before, after, kCosts, kWidth, kHeight);
  ASSERT_EQ(paying.size(), 2U);
  EXPECT_EQ(paying[0].edits[0].x, 10U);
  EXPECT_EQ(paying[1].edits[0].x, 40U);
}

TEST(ChoosePairs, JudgesThePoseByTheWholeScore) {
  constexpr double kPixels = 1000, kBit = 1e-4;
  // The first pair pays. The second mends as many errors but spoils the pose; the third was not edited.
  std::vector<EditedPair> pairs(3);
  pairs[0] = {50, 40, 1e-3, 1e-3, 20, true};
  pairs[1] = {50, 40, 1e-3, 1, 20, true};
  pairs[2] = {50, 50, 1e-3, 1e-3, 0, false};
  EXPECT_EQ(ChoosePairs(pairs, kPixels, kBit), (std::vector<bool>{true, false, false}));
  // Where the pose term is large already, its slope is small, and the same edits pay.
  pairs[2].pose_before = pairs[2].pose_after = 1000;
  EXPECT_EQ(ChoosePairs(pairs, kPixels, kBit), (std::vector<bool>{true, true, false}));
  // Bits that cost more than the errors.
  for (EditedPair& pair : pairs) pair.bits = 1e5;
  EXPECT_EQ(ChoosePairs(pairs, kPixels, kBit), (std::vector<bool>{false, false, false}));
}

MaskClip RoadMaps(int wider) {
  MaskClip maps{kModelGrid.width, kModelGrid.height, 3, 5, {}};
  for (int pair = 0; pair < 3; ++pair) {
    for (int y = 0; y < 384; ++y) {
      for (int x = 0; x < 512; ++x) {
        const bool road = y > 150 && std::abs(x - 256 - 3 * pair) < y - 150 + wider;
        maps.ids.push_back(y > 340 ? 4 : road ? 0 : 2);
      }
    }
  }
  return maps;
}

// A scene of a road, and what the stand-in nets read in frames of a wider one.
struct RoadCase {
  Scene scene;
  std::vector<Observation> targets;
  std::unique_ptr<Nets> nets;

  RoadCase() {
    ConfigureTorch(1);
    nets = Must(Nets::Load(std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin", Device{}));
    testing::StrictSizes sizes;
    sizes.map = kModelGrid;
    sizes.frame = {640, 480};
    scene = testing::SmallStrictScene(sizes, 5);
    const ClassColours colours = {{{90, 90, 95}, {200, 200, 190}, {60, 110, 50}, {150, 30, 40}, {20, 20, 25}}};
    scene.renderer =
        Must(QuantiseRenderer(scene.renderer.shape, false, StartValues(scene.renderer.shape, colours, 7, torch::kCPU)));
    scene.mask = RoadMaps(2);
    std::vector<FramePair> frames;
    const std::unique_ptr<FrameRenderer> wider = Must(FrameRenderer::Create(scene));
    for (uint64_t pair = 0; pair < scene.mask.count; ++pair) frames.push_back(wider->Render(pair, 1));
    targets = Must(nets->Observe(frames));
    scene.mask = RoadMaps(0);
  }
};

TEST(EditSearch, MendsErrorsThatTheScorerSeesAndDoesNotDependOnThreads) {
  const RoadCase road;
  const EditSearchOptions options{.costs = {100 / (3.0 * 512 * 384), 1e-6}, .ideas = 60, .groups = 4, .priced = 30};
  std::vector<EditedMap> found;
  for (const int threads : {1, 2}) {
    const auto search = Must(EditSearch::Create(road.scene, road.targets, road.nets->modules(), options, threads));
    found.push_back(Must(search->Search(1, /*passes=*/1)));
    EXPECT_TRUE(std::ranges::equal(search->maps().map(1), found.back().ids));
  }
  EXPECT_LT(found[0].errors_after, found[0].errors_before);
  EXPECT_EQ(found[0].ids, found[1].ids);
  EXPECT_EQ(found[0].bits, found[1].bits);

  Scene edited = road.scene;
  std::ranges::copy(found[0].ids, edited.mask.ids.begin() + static_cast<ptrdiff_t>(edited.mask.map_bytes()));
  const auto errors = [&road](const Scene& scene) {
    const FramePair frames = Must(FrameRenderer::Create(scene))->Render(1, 1);
    const Observation read = Must(road.nets->Observe({&frames, 1}))[0];
    return 512.0 * 384 * double{ComparePair(road.targets[1], read).seg};
  };
  EXPECT_NEAR(errors(road.scene), static_cast<double>(found[0].errors_before), 2);  // ties
  EXPECT_NEAR(errors(edited), static_cast<double>(found[0].errors_after), 2);

  // The price is the difference of two code lengths, and so near to that of two streams.
  const auto bytes = [](const Scene& scene) {
    return static_cast<double>(Must(EncodeMask(scene.mask, {1}, Limits{}, SilentProgress())).size());
  };
  EXPECT_NEAR(bytes(edited) - bytes(road.scene), found[0].bits / 8, 12);
}

}  // namespace
}  // namespace kitsink::strict
