// The arithmetic of a score and its reports.

#include "kitsink/score.h"

#include <cmath>

#include "kitsink/scorer.h"
#include "testlib.h"

namespace kitsink {
namespace {

// Takes the class map from the red channel and the pose from the first green values.
class FakeObserver final : public Observer {
 public:
  Result<std::vector<Observation>> Observe(std::span<const FramePair> pairs) override {
    batch_sizes.push_back(pairs.size());
    std::vector<Observation> observations;
    for (const FramePair& pair : pairs) {
      Observation observation;
      for (size_t i = 0; i < pair.f1.rgb.size(); i += 3) observation.class_map.push_back(pair.f1.rgb[i]);
      for (size_t i = 0; i < 6; ++i) observation.pose[i] = pair.f0.rgb[3 * i + 1];
      observations.push_back(observation);
    }
    return observations;
  }
  std::vector<size_t> batch_sizes;
};

FramePair MakePair(uint8_t id, uint8_t pose) {
  FramePair pair;
  pair.f0 = pair.f1 = Frame{{4, 2}, std::vector<uint8_t>(24, id)};
  for (size_t i = 0; i < 8; ++i) pair.f0.rgb[3 * i + 1] = pose;
  return pair;
}

PairStream Repeat(FramePair pair, size_t count) {
  return [pair = std::move(pair), left = count]() mutable -> Result<std::optional<FramePair>> {
    if (left == 0) return std::optional<FramePair>();
    --left;
    return std::optional<FramePair>(pair);
  };
}

float AddInOrder(std::span<const float> figures) {
  float sum = 0;
  for (const float figure : figures) sum += figure;
  return sum;
}

TEST(Score, IsTheContestsFormula) {
  const Score score{.seg = 0.00060913, .pose = 3.472e-5, .archive_bytes = 177857, .original_bytes = 37545489};
  EXPECT_NEAR(score.total(), 0.197974, 1e-6);  // a published result
  const Score rate_only{.seg = 0, .pose = 0, .archive_bytes = 231891, .original_bytes = 37545489};
  EXPECT_NEAR(rate_only.total(), 0.154407, 1e-6);
}

TEST(Score, ComparesMapsAndPoses) {
  Observation a{{0, 1, 2, 3}, {1, 2, 3, 4, 5, 6}};
  Observation b{{0, 1, 2, 4}, {1, 2, 3, 4, 5, 9}};
  const PairDistortion distortion = ComparePair(a, b);
  EXPECT_EQ(distortion.seg, 0.25F);
  EXPECT_EQ(distortion.pose, 1.5F);
}

TEST(Score, BatchesOfSixteenAndMeansOverAllPairs) {
  FakeObserver observer;
  const Result<std::vector<PairDistortion>> pairs =
      MeasureDistortion(ObservePairs(Repeat(MakePair(1, 10), 18), observer),
                        ObservePairs(Repeat(MakePair(2, 13), 18), observer), 16, SilentProgress(), 18);
  ASSERT_TRUE(pairs.ok());
  EXPECT_EQ(observer.batch_sizes, (std::vector<size_t>{16, 16, 2, 2, 0, 0}));
  EXPECT_EQ(ExactMeans(pairs.value()).seg, 1.0);
  EXPECT_EQ(ExactMeans(pairs.value()).pose, 9.0);
  EXPECT_EQ(UpstreamMeans(std::span(&pairs.value(), 1), 16, AddInOrder).pose, 9.0);
}

TEST(Score, UpstreamMeansAreFloat32SumsPerBatch) {
  std::vector<PairDistortion> pairs(40, PairDistortion{.seg = 0.1F, .pose = 1e-8F});
  pairs[0].pose = 1.0F;  // in float32, absorbs the small values of its own batch only
  float expected = 0;
  for (size_t first : {0U, 16U, 32U}) {
    float batch = 0;
    for (size_t i = first; i < std::min<size_t>(40, first + 16); ++i) batch += pairs[i].pose;
    expected += batch;
  }
  EXPECT_EQ(UpstreamMeans(std::span(&pairs, 1), 16, AddInOrder).pose, static_cast<double>(expected / 40.0F));
  EXPECT_GT(ExactMeans(pairs).pose, UpstreamMeans(std::span(&pairs, 1), 16, AddInOrder).pose);
}

TEST(Score, ABatchHoldsPairsOfOneClipOnly) {
  // 1 + 2^-24 is 1 in float32, so the small values count only in batches without the large one.
  const float small = 0x1p-24F;
  const std::vector<PairDistortion> large = {{.seg = 0, .pose = 1.0F}};
  const std::vector<PairDistortion> rest(4, PairDistortion{.seg = 0, .pose = small});
  std::vector<PairDistortion> together = large;
  together.insert(together.end(), rest.begin(), rest.end());
  const std::vector<std::vector<PairDistortion>> apart = {large, rest};
  EXPECT_EQ(UpstreamMeans(std::span(&together, 1), 16, AddInOrder).pose, static_cast<double>(1.0F / 5.0F));
  EXPECT_EQ(UpstreamMeans(apart, 16, AddInOrder).pose, static_cast<double>((1.0F + 4 * small) / 5.0F));
}

TEST(Score, TheBatchSizeDecidesWhichFiguresAreSummed) {
  std::vector<PairDistortion> pairs(8, PairDistortion{.seg = 0, .pose = 0x1p-24F});
  pairs[0].pose = 1.0F;
  std::vector<size_t> sizes;
  const BatchSum sum = [&sizes](std::span<const float> figures) {
    sizes.push_back(figures.size());
    return AddInOrder(figures);
  };
  EXPECT_EQ(UpstreamMeans(std::span(&pairs, 1), 8, sum).pose, static_cast<double>(1.0F / 8.0F));
  EXPECT_EQ(UpstreamMeans(std::span(&pairs, 1), 3, sum).pose,
            static_cast<double>((1.0F + 3 * 0x1p-24F + 2 * 0x1p-24F) / 8.0F));
  EXPECT_EQ(sizes, (std::vector<size_t>{8, 8, 3, 3, 3, 3, 2, 2}));
}

TEST(Score, LibTorchSumsABatchInFloat32) {
  testing::Random random(5);
  std::vector<float> figures;
  for (int i = 0; i < 77; ++i) figures.push_back(static_cast<float>(random.Below(1000)) / 7.0F);
  EXPECT_EQ(SumFloat32(std::vector<float>{1.0F, 0x1p-24F}, Device{}), 1.0F);
  for (const size_t count : {1U, 2U, 16U, 77U}) {
    const std::span<const float> batch = std::span(figures).first(count);
    EXPECT_NEAR(SumFloat32(batch, Device{}), AddInOrder(batch), 1e-6F * AddInOrder(batch));
  }
}

TEST(Score, RefusesClipsThatEndApart) {
  for (const auto& [original, inflated] : {std::pair<size_t, size_t>{16, 32}, {32, 16}, {3, 2}}) {
    FakeObserver observer;
    const Result<std::vector<PairDistortion>> pairs =
        MeasureDistortion(ObservePairs(Repeat(MakePair(1, 1), original), observer),
                          ObservePairs(Repeat(MakePair(1, 1), inflated), observer), 16, SilentProgress(), original);
    ASSERT_FALSE(pairs.ok());
    EXPECT_EQ(pairs.error().code, Code::kCorrupt);
  }
}

TEST(Score, RefusesAnEmptyClip) {
  FakeObserver observer;
  const ObservationStream none = ObservePairs(Repeat(MakePair(1, 1), 0), observer);
  EXPECT_FALSE(MeasureDistortion(none, none, 16, SilentProgress(), 0).ok());
}

ScoreReport ExampleReport() {
  ScoreReport report;
  report.codec = "search";
  report.nets_at_inflate = true;
  report.score = {.seg = 0.00060913, .pose = 3.472e-5, .archive_bytes = 177857, .original_bytes = 37545489};
  report.upstream = report.score;
  report.nets_bytes = 94338452;
  report.num_pairs = report.total_pairs = 600;
  report.nets_label = "stand-in nets";
  return report;
}

TEST(Report, UpstreamsTextToTheByte) {
  EXPECT_EQ(FormatUpstreamResults(ExampleReport()),
            "=== Evaluation results over 600 samples ===\n"
            "  Average PoseNet Distortion: 0.00003472\n"
            "  Average SegNet Distortion: 0.00060913\n"
            "  Submission file size: 177,857 bytes\n"
            "  Original uncompressed size: 37,545,489 bytes\n"
            "  Compression Rate: 0.00473711\n"
            "  Final score: 100*segnet_dist + \xe2\x88\x9a(10*posenet_dist) + 25*rate = 0.20\n");
}

TEST(Report, RemarksFollowUpstreamsTextOnlyWhereItIsNotTheContests) {
  ScoreReport report = ExampleReport();
  report.segnet_sha256 = "abc";
  EXPECT_EQ(FormatUpstreamRemarks(report),
            "kitsink: stand-in nets, NOT the contest's: compare only with scores of the same nets\n"
            "  SegNet sha256 abc\n"
            "  PoseNet sha256 \n");
  report.nets_label = kContestNetsLabel;
  EXPECT_EQ(FormatUpstreamRemarks(report), "");
  report.num_pairs = 16;
  EXPECT_EQ(FormatUpstreamRemarks(report), "kitsink: partial, 16 of 600 pairs\n");
}

TEST(Report, SaysWhichNetsAndWhetherItIsPartial) {
  ScoreReport report = ExampleReport();
  EXPECT_NE(FormatScore(report).find("score over 600 pairs, stand-in nets, NOT the contest's"), std::string::npos);
  EXPECT_NE(FormatScore(report).find("archive plus nets (94,338,452 bytes more)"), std::string::npos);
  report.num_pairs = 16;
  EXPECT_EQ(FormatScore(report).find("partial: 16 of 600 pairs"), 0U);
  EXPECT_EQ(FormatScore(report).find("\n  score "), std::string::npos);
}

TEST(Report, CountsTheNetsInTheSecondAccounting) {
  const ScoreReport report = ExampleReport();
  EXPECT_NEAR(report.WithNets().total() - report.score.total(), 25 * 94338452.0 / 37545489.0, 1e-9);
  EXPECT_NE(FormatScoreJson(report).find("\"archive_plus_nets\""), std::string::npos);
}

}  // namespace
}  // namespace kitsink
