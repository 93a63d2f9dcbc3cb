// Tests of the renderer of codec strict: one result for all twins, threads, sizes and hostile values.

#include "codecs/strict/render.h"

#include <array>
#include <limits>
#include <thread>

#include "codecs/strict/motion.h"
#include "codecs/strict/render_testlib.h"
#include "kitsink/hash.h"
#include "testlib.h"

namespace kitsink::strict {
namespace {

using testing::Must;
using testing::SmallStrictScene;
using testing::StrictSizes;

Bytes RenderAll(const Scene& scene, const RowKernels& kernels, int threads) {
  return Must(testing::RenderFrames(scene, kernels, threads));
}

void ExpectOneResult(const Scene& scene) {
  const Bytes expected = RenderAll(scene, ScalarRowKernels(), 1);
  for (int threads = 1; threads <= 3; ++threads) EXPECT_EQ(RenderAll(scene, FastRowKernels(), threads), expected);
  EXPECT_EQ(RenderAll(scene, ScalarRowKernels(), 40), expected);
}

TEST(Render, OneResultForTwinsAndThreadsAtAnySize) {
  ExpectOneResult(SmallStrictScene({}, 1));
  ExpectOneResult(SmallStrictScene({{13, 7}, {9, 5}, 2, 24, {3}}, 2));
  ExpectOneResult(SmallStrictScene({{1, 1}, {3, 2}, 1, 16, {1, 1}}, 3));
  ExpectOneResult(SmallStrictScene({{19, 3}, {40, 41}, 2, 40, {16, 1, 2, 4, 1, 8, 1, 3}}, 4));
  ExpectOneResult(SmallStrictScene({{33, 18}, {33, 18}, 8, 128, {2}}, 5));
}

TEST(Render, OneResultForMotions) {
  StrictSizes sizes;
  sizes.atoms = 0;
  const Scene scene = SmallStrictScene(sizes, 10);
  ExpectOneResult(scene);
  EXPECT_EQ(Sha256Hex(RenderAll(scene, FastRowKernels(), 2)).substr(0, 16), "485596d75f23f940");
  ExpectOneResult(SmallStrictScene({{1, 1}, {3, 2}, 1, 16, {1, 1}, 5, 8, 0}, 11));
}

TEST(Render, OneResultForMotionsWithAtoms) {
  StrictSizes sizes;
  sizes.moves = true;
  const Scene scene = SmallStrictScene(sizes, 10);
  ExpectOneResult(scene);
  EXPECT_EQ(Sha256Hex(RenderAll(scene, FastRowKernels(), 2)).substr(0, 16), "c82dd29325c14132");
  ExpectOneResult(SmallStrictScene({{1, 1}, {3, 2}, 1, 16, {1, 1}, 5, 8, 2, 1, 1, true}, 11));
}

// On grey, atoms add up to the picture of a carrier that does not move, before it is rounded.
TEST(CarrierPicture, AddsWhatItRendersOnGrey) {
  const Scene scene = SmallStrictScene({}, 12);
  const FrameSize size{64, 48};
  const CarrierPicture carrier(scene.carrier, size, size, FastRowKernels());
  const auto weights = std::span(scene.carrier.coefficients).first(3);
  const Frame frame = carrier.Render(weights, 1);
  std::vector<float> picture(size.size_bytes(), scene.carrier.grey);
  carrier.AddTo(picture, weights);
  for (size_t i = 0; i < picture.size(); ++i) {
    ASSERT_NEAR(std::clamp(picture[i], 0.0F, 255.0F), static_cast<float>(frame.rgb[i]), 0.501F) << i;
  }
}

// Positions of a motion, by hand.
TEST(Motion, MovesByItsTerms) {
  const FrameSize size{8, 6};
  std::vector<float> picture(size.size_bytes());
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<float>(i * i % 251);
  const auto at = [&](const std::vector<float>& of, uint32_t x, uint32_t y) {
    return of[3 * (size.width * y + x) + 1];
  };
  const auto move = [&](std::vector<int16_t> terms) { return MovePicture(picture, size, terms); };
  EXPECT_EQ(move({0, 0, 0, 0, 0, 0}), picture);
  // A pixel to the left and two up; the edge repeats.
  const std::vector<float> shifted = move({256, 0, 0, 512, 0, 0});
  EXPECT_EQ(at(shifted, 2, 1), at(picture, 3, 3));
  EXPECT_EQ(at(shifted, 7, 1), at(picture, 7, 3));
  EXPECT_EQ(at(shifted, 2, 5), at(picture, 3, 5));
  // A quarter of a pixel.
  EXPECT_FLOAT_EQ(at(move({64, 0, 0, 0, 0, 0}), 2, 1), 0.75F * at(picture, 2, 1) + 0.25F * at(picture, 3, 1));
  // Beyond every edge, as far as a term goes.
  EXPECT_EQ(at(move({32767, 0, 0, -32768, 0, 0}), 3, 3), at(picture, 7, 0));
  // Twice a half of the distance from the centre: (6, 0) is 2.5 columns right of it and reads 1.25 further right.
  const std::vector<float> zoomed = move({0, 32767, 0, 0, 0, 0});
  EXPECT_NEAR(at(zoomed, 5, 0), 0.25F * at(picture, 5, 0) + 0.75F * at(picture, 6, 0), 0.1F);
  // Columns shift with the row: row 5 lies 2.5 rows below the centre, 32767 / 65536 * 2.5 = 1.25 columns.
  const std::vector<float> sheared = move({0, 0, 32767, 0, 0, 0});
  EXPECT_NEAR(at(sheared, 2, 5), 0.75F * at(picture, 3, 5) + 0.25F * at(picture, 4, 5), 0.1F);
}

TEST(Render, CallsAtOnceGiveTheSame) {
  const Scene scene = SmallStrictScene({}, 6);
  const std::unique_ptr<FrameRenderer> renderer = Must(FrameRenderer::Create(scene));
  const FramePair expected = renderer->Render(1, 1);
  std::array<FramePair, 4> pairs;
  {
    std::vector<std::jthread> threads;
    for (FramePair& pair : pairs) threads.emplace_back([&] { pair = renderer->Render(1, 2); });
  }
  for (const FramePair& pair : pairs) {
    EXPECT_EQ(pair.f0.rgb, expected.f0.rgb);
    EXPECT_EQ(pair.f1.rgb, expected.f1.rgb);
  }
  EXPECT_GT(renderer->WorkingBytes(2), size_t{2} * 64 * 48 * 16 * 4);
}

TEST(Render, KnownBytes) {
  EXPECT_EQ(Sha256Hex(RenderAll(SmallStrictScene({}, 1), FastRowKernels(), 2)).substr(0, 16), "21858fdd1f17cb2a");
}

// Formulas of FORMAT.md on one pixel each.
TEST(Render, SelectorModes) {
  const std::array<std::array<uint8_t, 8>, 3> expected = {{{9, 10, 8, 10, 21, 57, 8, 8},  // of (0, 0): R
                                                           {9, 10, 8, 9, 22, 58, 8, 8},   // G
                                                           {255, 255, 254, 254, 23, 59, 254, 254}}};
  for (uint8_t mode = 0; mode < 8; ++mode) {
    Frame frame{{5, 6}, std::vector<uint8_t>(90)};
    frame.rgb[0] = frame.rgb[1] = 9;
    frame.rgb[2] = 255;
    for (uint8_t c = 0; c < 3; ++c) {
      frame.rgb[4 * 3 + c] = static_cast<uint8_t>(21 + c);   // (4, 0)
      frame.rgb[5 * 15 + c] = static_cast<uint8_t>(57 + c);  // (0, 5)
    }
    ApplySelector(mode, frame);
    for (size_t c = 0; c < 3; ++c) EXPECT_EQ(frame.rgb[c], expected[c][mode]) << int{mode} << " " << c;
    EXPECT_EQ(frame.rgb[3], mode == 1 || mode == 3 || mode == 6 ? 1 : mode == 4 ? 9 : 0) << int{mode};  // (1, 0)
    EXPECT_EQ(frame.rgb[12], (std::array{21, 22, 20, 22, 0, 0, 20, 22}[mode])) << int{mode};            // (4, 0)
  }
}

// Values that overflow float, and numbers that are none: any frames, but the same ones from both twins.
TEST(Render, HostileScenes) {
  for (const uint16_t scale : std::array<uint16_t, 4>{0x7bff, 0xfbff, 0x0001, 0x0000}) {
    Scene scene = SmallStrictScene({{20, 11}, {31, 17}, 2, 16, {1, 2, 1, 4}}, 7);
    for (QuantizedTensor& tensor : scene.renderer.tensors) {
      for (uint16_t& value : tensor.scales) value = scale;
      for (uint16_t& value : tensor.halves) value = scale;
    }
    ExpectOneResult(scene);
  }
  using Limit = std::numeric_limits<float>;
  for (const float value : {Limit::max(), Limit::infinity(), Limit::quiet_NaN(), -Limit::max(), 0.0F, Limit::min()}) {
    Scene scene = SmallStrictScene({}, 8);
    scene.carrier.basis_scales.assign(3, value);
    ExpectOneResult(scene);
    scene.carrier.coefficient_scales.assign(3, value);
    scene.carrier.coefficients.assign(9, std::numeric_limits<int16_t>::min());
    ExpectOneResult(scene);
    scene.carrier.grey = scene.carrier.amplitude = value;
    ExpectOneResult(scene);
  }
}

// The scorer's resize of a pre-image gives back the network's picture, which enlargement blurs.
TEST(Render, PreimagesReadBackAsThePicture) {
  testing::StrictSizes sizes;
  sizes.map = kModelGrid;
  sizes.frame = kModelGrid;
  sizes.pairs = 1;
  Scene scene = SmallStrictScene(sizes, 3);
  const Frame picture = FrameRenderer::Create(scene).value()->RenderF1(scene.mask.map(0), 0, 1);  // rounded
  scene.frame_size = kContestFrameSize;
  const Resizer to_grid(kContestFrameSize, kModelGrid, Interpolation::kBilinear, FastRowKernels());
  const auto largest = [&](bool preimage) {
    scene.renderer.preimage = preimage;
    const Frame f1 = FrameRenderer::Create(scene).value()->RenderF1(scene.mask.map(0), 0, 1);
    const Frame read = to_grid.Resize(std::vector<float>(f1.rgb.begin(), f1.rgb.end()), {}, 1);
    int most = 0;
    for (size_t i = 0; i < read.rgb.size(); ++i) most = std::max(most, std::abs(read.rgb[i] - picture.rgb[i]));
    return most;
  };
  EXPECT_LE(largest(true), 1);
  EXPECT_GT(largest(false), 5);
}

TEST(Render, RejectsPartsThatDoNotFit) {
  const auto code = [](auto change) {
    Scene scene = SmallStrictScene({}, 9);
    change(scene);
    const auto renderer = FrameRenderer::Create(scene);
    return renderer.ok() ? Code::kInternal : renderer.error().code;
  };
  EXPECT_EQ(code([](Scene& scene) { scene.mask.ids.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.mask.num_classes = 6; }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.selector.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.carrier.coefficients.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.renderer.tensors.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.renderer.tensors[2].codes.pop_back(); }), Code::kInvalidArgument);
  EXPECT_EQ(code([](Scene& scene) { scene.frame_size.width = 0; }), Code::kInvalidArgument);
}

}  // namespace
}  // namespace kitsink::strict
