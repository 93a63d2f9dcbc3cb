// Tests of the frames of codec hnerv: the decoder against a second one in double, and one result for all twins.

#include <array>
#include <cmath>
#include <limits>
#include <thread>

#include "codecs/hnerv/frames_testlib.h"
#include "codecs/hnerv/source.h"
#include "kitsink/hash.h"
#include "testlib.h"

namespace kitsink::hnerv {
namespace {

using testing::AllFrames;
using testing::kSmallShape;
using testing::Must;
using testing::SmallClip;

constexpr FrameSize kSmallFrame{29, 22};

// ---- a second decoder ----------------------------------------------------------------------------------------------

struct Planes {
  size_t channels, height, width;
  std::vector<double> values;
  Planes(size_t c, size_t h, size_t w) : channels(c), height(h), width(w), values(c * h * w) {}
  double& at(size_t c, size_t y, size_t x) { return values[(c * height + y) * width + x]; }
  double get(size_t c, ptrdiff_t y, ptrdiff_t x) const {  // 0 beyond the picture
    if (y < 0 || x < 0 || y >= static_cast<ptrdiff_t>(height) || x >= static_cast<ptrdiff_t>(width)) return 0;
    return values[(c * height + static_cast<size_t>(y)) * width + static_cast<size_t>(x)];
  }
};

class ReferenceDecoder {
 public:
  explicit ReferenceDecoder(const Scene& scene) : scene_(scene) {}

  // Both pictures of a latent vector.
  std::array<Planes, 2> Render(const std::vector<float>& latent) {
    const auto& channels = scene_.shape.channels;
    Planes x(channels[0], kStemHeight, kStemWidth);
    const std::vector<double> weight = Next(), bias = Next();
    for (size_t i = 0; i < x.values.size(); ++i) {
      double sum = bias[i];
      for (size_t k = 0; k < latent.size(); ++k) sum += weight[i * latent.size() + k] * static_cast<double>(latent[k]);
      x.values[i] = std::sin(sum);
    }
    size_t skip = 2 + 2 * kNumStages;  // where the skips' tensors begin
    for (size_t i = 0; i < kNumStages; ++i) {
      Planes enlarged = Enlarge(x);
      next_ = skip;
      if (channels[i] != channels[i + 1]) {
        enlarged = Convolve(enlarged, channels[i + 1], 1, 1);
        skip = next_;
      }
      next_ = 2 + 2 * i;
      const Planes main = Convolve(x, 4 * channels[i + 1], 3, 1);
      x = Planes(channels[i + 1], 2 * x.height, 2 * x.width);
      for (size_t c = 0; c < x.channels; ++c) {
        for (size_t y = 0; y < x.height; ++y) {
          for (size_t at = 0; at < x.width; ++at) {
            const double shuffled =
                main.get(4 * c + 2 * (y % 2) + at % 2, static_cast<ptrdiff_t>(y / 2), static_cast<ptrdiff_t>(at / 2));
            x.at(c, y, at) = std::sin(shuffled + enlarged.at(c, y, at));
          }
        }
      }
    }
    next_ = skip;
    const Planes change = Convolve(Convolve(x, x.channels / 2, 3, 2), x.channels, 3, 1);
    for (size_t i = 0; i < x.values.size(); ++i) x.values[i] += 0.1 * std::sin(change.values[i]);
    std::array<Planes, 2> pictures = {Convolve(x, 3, 3, 1), Convolve(x, 3, 3, 1)};
    for (Planes& picture : pictures) {
      for (double& value : picture.values) value = 255 / (1 + std::exp(-value));
    }
    return pictures;
  }

 private:
  std::vector<double> Next() {
    const Int8Tensor& tensor = scene_.tensors[next_++];
    std::vector<double> values;
    for (const int8_t code : tensor.codes)
      values.push_back(static_cast<double>(static_cast<float>(code) * tensor.scale));
    return values;
  }
  Planes Convolve(const Planes& in, size_t outputs, size_t taps, size_t dilation) {
    const std::vector<double> weight = Next(), bias = Next();
    Planes out(outputs, in.height, in.width);
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t y = 0; y < in.height; ++y) {
        for (size_t x = 0; x < in.width; ++x) {
          double sum = bias[o];
          for (size_t c = 0; c < in.channels; ++c) {
            for (size_t tap = 0; tap < taps * taps; ++tap) {
              const ptrdiff_t down = (static_cast<ptrdiff_t>(tap / taps) - static_cast<ptrdiff_t>(taps / 2)) *
                                     static_cast<ptrdiff_t>(dilation);
              const ptrdiff_t right = (static_cast<ptrdiff_t>(tap % taps) - static_cast<ptrdiff_t>(taps / 2)) *
                                      static_cast<ptrdiff_t>(dilation);
              sum += weight[(o * in.channels + c) * taps * taps + tap] *
                     in.get(c, static_cast<ptrdiff_t>(y) + down, static_cast<ptrdiff_t>(x) + right);
            }
          }
          out.at(o, y, x) = sum;
        }
      }
    }
    return out;
  }
  // Bilinear, half-pixel centres, clamped to the picture.
  static Planes Enlarge(const Planes& in) {
    Planes out(in.channels, 2 * in.height, 2 * in.width);
    const auto taps = [](size_t at, size_t size) {
      const double position = std::max(0.0, (static_cast<double>(at) + 0.5) / 2 - 0.5);
      const auto low = static_cast<size_t>(position);
      return std::tuple(low, std::min(low + 1, size - 1), position - static_cast<double>(low));
    };
    for (size_t c = 0; c < in.channels; ++c) {
      for (size_t y = 0; y < out.height; ++y) {
        const auto [top, bottom, down] = taps(y, in.height);
        for (size_t x = 0; x < out.width; ++x) {
          const auto [left, right, along] = taps(x, in.width);
          const auto value = [&](size_t row, size_t column) {
            return in.values[(c * in.height + row) * in.width + column];
          };
          out.at(c, y, x) = (1 - down) * ((1 - along) * value(top, left) + along * value(top, right)) +
                            down * ((1 - along) * value(bottom, left) + along * value(bottom, right));
        }
      }
    }
    return out;
  }

  const Scene& scene_;
  size_t next_ = 0;
};

std::vector<std::vector<float>> Dequantized(const Scene& scene) {
  std::vector<std::vector<float>> tensors;
  for (const Int8Tensor& tensor : scene.tensors) {
    std::vector<float>& values = tensors.emplace_back();
    for (const int8_t code : tensor.codes) values.push_back(static_cast<float>(code) * tensor.scale);
  }
  return tensors;
}

TEST(Decoder, IsNearASecondOneInDouble) {
  for (const DecoderShape& shape : {kSmallShape, DecoderShape{2, {3, 3, 2, 2, 3, 2, 2}}}) {
    const Scene scene = SmallClip(shape, kSmallFrame, 1, 11);
    const Decoder decoder = Must(Decoder::Create(shape, Dequantized(scene), FastPlaneKernels()));
    const std::vector<float> latent = DequantizeLatent(scene.latents, 0);
    std::array<std::vector<float>, 2> pictures;
    for (auto& picture : pictures) picture.resize(kModelGrid.size_bytes());
    Decoder::Workspace work;
    decoder.Render(latent, work, {pictures[0].data(), pictures[1].data()});
    const std::array<Planes, 2> expected = ReferenceDecoder(scene).Render(latent);
    for (size_t which = 0; which < 2; ++which) {
      double worst = 0, least = 255, most = 0;
      for (size_t i = 0; i < pictures[which].size(); ++i) {
        const double value = expected[which].values[i % 3 * expected[which].height * expected[which].width + i / 3];
        worst = std::max(worst, std::fabs(value - static_cast<double>(pictures[which][i])));
        least = std::min(least, value);
        most = std::max(most, value);
      }
      EXPECT_LT(worst, 2e-3);
      EXPECT_GT(most - least, 20.0);  // a picture, not a constant
    }
  }
}

// ---- one result ----------------------------------------------------------------------------------------------------

void ExpectOneResult(const Scene& scene) {
  const auto scalar = Must(FrameRenderer::Create(scene, ScalarPlaneKernels(), ScalarRowKernels()));
  const Bytes expected = AllFrames(*scalar);
  for (const PlaneKernels* const planes : {Avx2PlaneKernels(), Avx512PlaneKernels()}) {
    if (planes == nullptr) continue;
    EXPECT_EQ(AllFrames(*Must(FrameRenderer::Create(scene, *planes))), expected);
  }
}

TEST(Frames, OneResultForTwins) {
  ExpectOneResult(SmallClip(kSmallShape, kSmallFrame, 3, 1));
  ExpectOneResult(SmallClip({1, {1, 1, 1, 1, 1, 1, 2}}, {1, 1}, 2, 2));
  ExpectOneResult(SmallClip({28, {9, 8, 7, 6, 5, 4, 4}}, {600, 400}, 1, 3));
  Scene scene = SmallClip(kSmallShape, {1024, 768}, 1, 4);
  scene.chain = FrameChain::kPreimage;
  scene.offsets = {};
  ExpectOneResult(scene);
}

// Weights and latents that overflow float: any frames, but the same ones from all twins.
TEST(Frames, HostileValues) {
  using Limit = std::numeric_limits<float>;
  for (const float scale : {Limit::max(), Limit::min(), 1e30F, Limit::denorm_min()}) {
    Scene scene = SmallClip(kSmallShape, kSmallFrame, 2, 5);
    for (Int8Tensor& tensor : scene.tensors) tensor.scale = scale;
    ExpectOneResult(scene);
    scene.latents.minimum.assign(3, 0x7bff);
    scene.latents.scale.assign(3, 0x7bff);
    scene.offsets = {RgbOffsets{31.75F, -32.0F, 0.0F}};
    ExpectOneResult(scene);
  }
}

TEST(Frames, CallsAtOnceGiveTheSame) {
  const Scene scene = SmallClip(kSmallShape, kSmallFrame, 4, 6);
  const Bytes expected = AllFrames(*Must(FrameRenderer::Create(scene)));
  EngineContext context;
  context.threads = 4;
  const auto source = Must(OpenPairs(scene, context));
  EXPECT_EQ(source->num_pairs(), 4U);
  EXPECT_EQ(source->calls_at_once(), 4);
  std::array<Bytes, 4> pairs;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const InflatedPairs inflated = Must(source->Inflate(i, 1, {}));
        pairs[i] = inflated.frames[0].f0.rgb;
        pairs[i].insert(pairs[i].end(), inflated.frames[0].f1.rgb.begin(), inflated.frames[0].f1.rgb.end());
      });
    }
  }
  Bytes all;
  for (const Bytes& pair : pairs) all.insert(all.end(), pair.begin(), pair.end());
  EXPECT_EQ(all, expected);
}

TEST(Frames, KnownBytes) {
  const Scene scene = SmallClip(kSmallShape, kSmallFrame, 3, 1);
  EXPECT_EQ(Sha256Hex(AllFrames(*Must(FrameRenderer::Create(scene)))).substr(0, 16), "f1e50562f4f1a7c3");
}

// ---- parts ---------------------------------------------------------------------------------------------------------

TEST(Latents, RoundProductAndSumApart) {
  Latents latents{2, 2, {0, 255, 201, 7}, {FloatToHalf(-1.5F), 0x2e66}, {FloatToHalf(0.0137F), 0x211f}, {}};
  const float scale = HalfToFloat(0x211f), minimum = HalfToFloat(0x2e66);
  EXPECT_EQ(DequantizeLatent(latents, 0)[0], -1.5F);
  volatile float product = 7.0F * scale;
  EXPECT_EQ(DequantizeLatent(latents, 1)[1], product + minimum);
  // float(9) * 0.01F is 0.08999999, one step below the float nearest to 0.09.
  latents.minimum.assign(2, 0);
  latents.codes.assign(4, 0);
  latents.corrections = {{1, 9}, {0, -9}};
  EXPECT_EQ(DequantizeLatent(latents, 0), (std::vector<float>{0.0F, 0.09F}));
  latents.correction_unit = 0.0095F;
  EXPECT_EQ(DequantizeLatent(latents, 1), (std::vector<float>{-0.0855F, 0.0F}));
  latents.corrections[0].dim = Correction::kNone;
  EXPECT_EQ(DequantizeLatent(latents, 0), (std::vector<float>{0.0F, 0.0F}));
}

// What happens to red, green and blue of a pixel: (1, 0) has the sign + in the tile, (0, 0) the sign -.
TEST(Selector, Modes) {
  using Pixel = std::array<int, 3>;
  const auto change = [](uint8_t mode, size_t pixel, uint8_t value) {
    Frame frame{{16, 10}, std::vector<uint8_t>(480, value)};
    ApplySelector(mode, frame);
    Pixel out{};
    for (size_t i = 0; i < 3; ++i) out[i] = frame.rgb[3 * pixel + i] - value;
    return out;
  };
  const std::array<Pixel, 15> expected = {{{0, 0, 0},
                                           {1, 0, -1},
                                           {3, 0, -3},
                                           {1, 1, 1},
                                           {-1, -1, -1},
                                           {-2, -2, -2},
                                           {-4, -4, -4},
                                           {-2, 1, 1},
                                           {-4, 2, 2},
                                           {0, -1, 1},
                                           {0, -2, 2},
                                           {0, 1, -1},
                                           {0, 2, -2},
                                           {2, -1, -1},
                                           {4, -2, -2}}};
  for (uint8_t mode = 0; mode < 15; ++mode) EXPECT_EQ(change(mode, 1, 100), expected[mode]) << int{mode};
  EXPECT_EQ(change(2, 0, 100), (Pixel{-3, 0, 3}));
  EXPECT_EQ(change(2, 16, 100), (Pixel{3, 0, -3}));          // (0, 1)
  EXPECT_EQ(change(2, 16 * 9 + 9, 100), (Pixel{-3, 0, 3}));  // (9, 9)
  EXPECT_EQ(change(2, 16 + 1, 100), (Pixel{-3, 0, 3}));      // (1, 1)
  EXPECT_EQ(change(14, 0, 254), (Pixel{1, -2, -2}));
  EXPECT_EQ(change(6, 0, 1), (Pixel{-1, -1, -1}));
  Frame frame{{1, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
  ApplySelector(15, frame);
  EXPECT_EQ(frame.rgb, (std::vector<uint8_t>{7, 8, 9, 1, 2, 3, 4, 5, 6}));
}

// Enlarged and rounded, f1 with its own offsets; the pre-image reads back as the picture.
TEST(Frames, Chains) {
  Scene scene = SmallClip(kSmallShape, kContestFrameSize, 1, 7);
  scene.selector.clear();
  const Decoder decoder = Must(Decoder::Create(kSmallShape, Dequantized(scene), FastPlaneKernels()));
  std::vector<float> f0(kModelGrid.size_bytes()), f1(f0.size());
  Decoder::Workspace work;
  decoder.Render(DequantizeLatent(scene.latents, 0), work, {f0.data(), f1.data()});
  const Resizer enlarge(kModelGrid, kContestFrameSize, Interpolation::kBicubic, FastRowKernels());
  const FramePair frames = Must(FrameRenderer::Create(scene))->Render(0);
  EXPECT_EQ(frames.f0.rgb, enlarge.Resize(f0, scene.offsets[0], 1).rgb);
  EXPECT_EQ(frames.f1.rgb, enlarge.Resize(f1, scene.offsets[1], 2).rgb);

  scene.offsets = {};
  scene.chain = FrameChain::kPreimage;
  const FramePair inverted = Must(FrameRenderer::Create(scene))->Render(0);
  const Resizer reduce(kContestFrameSize, kModelGrid, Interpolation::kBilinear, FastRowKernels());
  const std::vector<float> f1_values(inverted.f1.rgb.begin(), inverted.f1.rgb.end());
  const Frame read = reduce.Resize(f1_values, {}, 1);
  for (size_t i = 0; i < read.rgb.size(); ++i) ASSERT_NEAR(read.rgb[i], static_cast<double>(f1[i]), 1.0);
}

TEST(Frames, RejectsPartsThatDoNotFit) {
  const auto message = [](auto change) {
    Scene scene = SmallClip(kSmallShape, kSmallFrame, 2, 8);
    change(scene);
    const auto renderer = FrameRenderer::Create(scene);
    if (renderer.ok()) return std::string("accepted");
    EXPECT_EQ(renderer.error().code, Code::kInvalidArgument);
    return renderer.error().message;
  };
  EXPECT_EQ(message([](Scene&) {}), "accepted");
  EXPECT_EQ(message([](Scene& r) { r.tensors.pop_back(); }), "decoder: tensors: got 29, expected 30");
  EXPECT_EQ(message([](Scene& r) { r.tensors.emplace_back(); }), "decoder: tensors: got 31, expected 30");
  EXPECT_EQ(message([](Scene& r) { r.tensors[3].codes.pop_back(); }),
            "decoder: blocks.0.bias: got 15 codes, expected 16");
  EXPECT_NE(message([](Scene& r) { r.shape.channels[6] = 1; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.shape.channels[0] = 513; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.shape.channels[2] = 0; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.frame_size.width = 0; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.latents.codes.pop_back(); }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.latents.scale.pop_back(); }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.latents.dims = 2; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.latents.corrections[0].dim = 3; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.latents.corrections.pop_back(); }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.selector.pop_back(); }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.selector[0] = 16; }), "accepted");
  EXPECT_NE(message([](Scene& r) { r.chain = FrameChain::kPreimage, r.frame_size = kContestFrameSize; }),
            "accepted");  // with offsets
  EXPECT_NE(message([](Scene& r) { r.chain = FrameChain::kPreimage, r.offsets = {}; }), "accepted");
}

TEST(Source, RefusesTooMuchMemory) {
  EngineContext context;
  context.limits.max_working_bytes = 1 << 20;
  const auto source = OpenPairs(SmallClip(kSmallShape, kSmallFrame, 2, 9), context);
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, Code::kLimit);
}

}  // namespace
}  // namespace kitsink::hnerv
