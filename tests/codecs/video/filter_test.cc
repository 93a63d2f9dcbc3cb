// Tests of the restoration filter and of writing frames: against plain arithmetic, and the same bits everywhere.

#include "codecs/video/filter.h"

#include <cmath>

#include "codecs/video/restore.h"
#include "codecs/video/scene_testlib.h"
#include "kitsink/hash.h"

namespace kitsink::video {
namespace {

constexpr int kWidth = static_cast<int>(kModelGrid.width), kHeight = static_cast<int>(kModelGrid.height);

Frame NoisePicture(FrameSize size, uint64_t seed) { return {size, testing::Random(seed).Bytes(size.size_bytes())}; }

// A layer at one pixel in double, from a function that gives the input.
template <typename Input>
double Convolve(const TensorSpec& spec, const std::vector<float>& weights, float bias, uint32_t output, int x, int y,
                const Input& input) {
  double sum = bias;
  for (uint32_t i = 0; i < spec.shape[1]; ++i) {
    for (int dy = 0; dy < 3; ++dy) {
      for (int dx = 0; dx < 3; ++dx) {
        const int sx = x + dx - 1, sy = y + dy - 1;
        if (sx < 0 || sy < 0 || sx >= kWidth || sy >= kHeight) continue;
        sum += static_cast<double>(weights[((output * spec.shape[1] + i) * 3 + static_cast<uint32_t>(dy)) * 3 +
                                           static_cast<uint32_t>(dx)]) *
               input(i, sx, sy);
      }
    }
  }
  return sum;
}

TEST(VideoFilter, AgreesWithPlainArithmetic) {
  const Filter filter = testing::RandomFilter(16, 3);
  const std::vector<TensorSpec> specs = FilterTensors(16);
  std::vector<std::vector<float>> values;
  for (size_t i = 0; i < specs.size(); ++i) values.push_back(DequantizeTensor(specs[i], filter.tensors[i]));
  const Frame picture = NoisePicture(kModelGrid, 1);
  const std::vector<float> result = FilterKernel(filter).Apply(picture);
  const auto pixel = [&](uint32_t c, int x, int y) {
    return (double{static_cast<double>(picture.rgb[3 * static_cast<size_t>(y * kWidth + x) + c])} - 127.5) / 64;
  };
  const auto first = [&](uint32_t c, int x, int y) {
    return std::max(0.0, Convolve(specs[0], values[0], values[1][c], c, x, y, pixel));
  };
  const auto second = [&](uint32_t c, int x, int y) {
    return std::max(0.0, Convolve(specs[2], values[2], values[3][c], c, x, y, first));
  };
  double change = 0;
  for (const auto& [x, y] : {std::pair{0, 0},
                             {kWidth - 1, 0},
                             {0, kHeight - 1},
                             {kWidth - 1, kHeight - 1},
                             {1, 2},
                             {200, 100},
                             {511, 200},
                             {300, 383}}) {
    for (uint32_t c = 0; c < 3; ++c) {
      const double added = 64 * Convolve(specs[4], values[4], values[5][c], c, x, y, second);
      const double wanted = picture.rgb[3 * static_cast<size_t>(y * kWidth + x) + c] + added;
      const size_t at = static_cast<size_t>((static_cast<int>(c) * kHeight + y) * kWidth + x);
      EXPECT_NEAR(result[at], wanted, 1e-3) << x << ", " << y;
      change = std::max(change, std::abs(added));
    }
  }
  EXPECT_GT(change, 1) << "the test's filter does nothing";
}

TEST(VideoFilter, ScalarKernelsGiveTheSameBits) {
  if (Avx2PlaneKernels() == nullptr) GTEST_SKIP() << "this processor has no AVX2";
  const Filter filter = testing::RandomFilter(8, 4);
  const Frame picture = NoisePicture(kModelGrid, 2);
  EXPECT_EQ(FilterKernel(filter, ScalarPlaneKernels()).Apply(picture),
            FilterKernel(filter, *Avx2PlaneKernels()).Apply(picture));
}

// The hash pins the frames: no compiler, processor or option may change it.
TEST(VideoFilter, FramesArePinned) {
  Scene scene = testing::SmallVideoScene(2, 1);
  std::string hashes;
  for (const FrameSize size : {kContestFrameSize, FrameSize{320, 240}}) {
    scene.frame_size = size;
    const Restorer restorer(scene);
    const Frame enlarged = restorer.Enlarge(NoisePicture(scene.stream.size, 9));
    EXPECT_EQ(enlarged.size, kModelGrid);
    for (const bool f0 : {true, false}) {
      const Frame frame = restorer.Write(enlarged, f0);
      EXPECT_EQ(frame.size, size);
      hashes += Sha256Hex(frame.rgb).substr(0, 8) + " ";
    }
  }
  EXPECT_EQ(hashes, "53fce3c1 2b0b1dcf 08296ea9 69a1fe40 ");
}

}  // namespace
}  // namespace kitsink::video
