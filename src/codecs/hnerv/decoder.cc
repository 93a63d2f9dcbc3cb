// Runs the network that renders both pictures of a pair: a linear stem, six stages that double the size, a refinement
// and two heads.

#include "codecs/hnerv/decoder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

namespace kitsink::hnerv {
namespace {

constexpr uint32_t kMaxChannels = 512;
constexpr size_t kStemPixels = size_t{kStemHeight} * kStemWidth;
constexpr size_t kAlignment = 16;  // floats of a cache line
constexpr float kRefineGain = 0.1F;

// What the rows of the last stages reach: the refinement's first convolution two rows, the second and the heads one.
constexpr size_t kEnlargedRows = 8, kHiddenRows = 4, kRefinedRows = 4;

static_assert(kStemHeight << kNumStages == kModelGrid.height && kStemWidth << kNumStages == kModelGrid.width);
static_assert(kModelGrid.width / 2 <= kMaxPlanePixels);

// Takes tensors one by one; keeps the first error.
class TensorReader {
 public:
  explicit TensorReader(std::span<const std::vector<float>> tensors) : tensors_(tensors) {}

  std::vector<float> Next(size_t values) {
    const size_t index = next_++;
    if (!status_.ok()) return {};
    if (index >= tensors_.size()) {
      Fail("got " + std::to_string(tensors_.size()) + " tensors, expected more");
    } else if (tensors_[index].size() != values) {
      Fail("tensor " + std::to_string(index) + ": got " + std::to_string(tensors_[index].size()) +
           " values, expected " + std::to_string(values));
    } else {
      return tensors_[index];
    }
    return {};
  }
  PlaneConv Conv(uint32_t inputs, uint32_t outputs, uint32_t taps, uint32_t dilation) {
    PlaneConv conv{inputs, outputs, taps, dilation, Next(size_t{inputs} * outputs * taps * taps), {}};
    conv.bias = Next(outputs);
    return conv;
  }
  Status Finish() {
    if (next_ < tensors_.size()) {
      Fail("got " + std::to_string(tensors_.size()) + " tensors, expected " + std::to_string(next_));
    }
    return status_;
  }

 private:
  void Fail(const std::string& what) { status_ = Error{Code::kInvalidArgument, "hnerv: decoder: " + what}; }

  std::span<const std::vector<float>> tensors_;
  size_t next_ = 0;
  Status status_ = Ok();
};

Status CheckShape(const DecoderShape& shape) {
  const auto fits = [](uint32_t count) { return count >= 1 && count <= kMaxChannels; };
  if (fits(shape.latent_dims) && std::ranges::all_of(shape.channels, fits) && shape.channels.back() > 1) return Ok();
  return Error{Code::kInvalidArgument, "hnerv: decoder: a number of dimensions or channels is not in 1 .. " +
                                           std::to_string(kMaxChannels) + ", or the last one is 1"};
}

size_t RoundedUp(size_t floats) { return (floats + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Result<Decoder> Decoder::Create(const DecoderShape& shape, std::span<const std::vector<float>> tensors,
                                const PlaneKernels& kernels) {
  KIT_TRY(CheckShape(shape));
  const auto& channels = shape.channels;
  TensorReader reader(tensors);
  Decoder decoder(kernels);
  decoder.latent_dims_ = shape.latent_dims;
  decoder.stem_weight_ = reader.Next(channels[0] * kStemPixels * shape.latent_dims);
  decoder.stem_bias_ = reader.Next(channels[0] * kStemPixels);
  for (size_t i = 0; i < kNumStages; ++i) {
    decoder.stages_[i].main = reader.Conv(channels[i], 4 * channels[i + 1], 3, 1);
  }
  for (size_t i = 0; i < kNumStages; ++i) {
    if (channels[i] != channels[i + 1]) decoder.stages_[i].skip = reader.Conv(channels[i], channels[i + 1], 1, 1);
  }
  const uint32_t last = channels[kNumStages];
  decoder.refine_[0] = reader.Conv(last, last / 2, 3, 2);
  decoder.refine_[1] = reader.Conv(last / 2, last, 3, 1);
  decoder.heads_ = reader.Conv(last, 3, 3, 1);
  const PlaneConv head1 = reader.Conv(last, 3, 3, 1);
  KIT_TRY(reader.Finish());
  decoder.heads_.outputs = 6;
  decoder.heads_.weights.insert(decoder.heads_.weights.end(), head1.weights.begin(), head1.weights.end());
  decoder.heads_.bias.insert(decoder.heads_.bias.end(), head1.bias.begin(), head1.bias.end());
  decoder.Allocate(shape);
  return decoder;
}

void Decoder::Allocate(const DecoderShape& shape) {
  size_t largest = 0;
  const auto allocate = [&](size_t channels, size_t pixels, size_t count) {
    const size_t pitch = RoundedUp(PlaneRowFloats(channels, pixels));
    const Map map{channels, pixels, count, work_floats_ + kPlaneMargin, pitch};
    work_floats_ += count * pitch;
    largest = std::max(largest, pitch);
    return map;
  };
  size_t height = kStemHeight, width = kStemWidth;
  for (size_t i = 0; i < kNumStages; ++i, height *= 2, width *= 2) {
    stages_[i].input = allocate(shape.channels[i], width, height);
    if (stages_[i].has_skip()) stages_[i].skipped = allocate(shape.channels[i + 1], width, height);
  }
  enlarged_ = allocate(shape.channels[kNumStages], width, kEnlargedRows);
  hidden_ = allocate(refine_[0].outputs, width, kHiddenRows);
  change_ = allocate(refine_[1].outputs, width, 1);
  refined_ = allocate(refine_[1].outputs, width, kRefinedRows);
  colours_ = allocate(heads_.outputs, width, 1);
  zeros_ = Map{0, 0, 1, work_floats_ + kPlaneMargin, largest};
  work_floats_ += largest + kAlignment;  // the start is rounded up
}

std::array<const float*, 3> Decoder::RowsAround(const Map& map, size_t y, size_t reach, size_t height,
                                                float* start) const {
  std::array<const float*, 3> rows{};
  for (size_t i = 0; i < 3; ++i) {
    const size_t row = y + i * reach - reach;  // wraps above the picture
    rows[i] = row < height ? map.Row(start, row) : zeros_.Row(start, 0);
  }
  return rows;
}

void Decoder::RunStem(std::span<const float> latent, float* start) const {
  const Map& map = stages_[0].input;
  for (size_t y = 0; y < kStemHeight; ++y) {
    float* const row = map.Row(start, y);
    for (size_t channel = 0; channel < map.channels; ++channel) {
      for (size_t x = 0; x < kStemWidth; ++x) {
        const size_t index = (channel * kStemHeight + y) * kStemWidth + x;
        float sum = stem_bias_[index];
        for (size_t i = 0; i < latent_dims_; ++i) {
          sum = std::fma(stem_weight_[index * latent_dims_ + i], latent[i], sum);
        }
        row[channel * PlanePitch(kStemWidth) + x] = sum;
      }
    }
    kernels_->add_sine(zeros_.Row(start, 0), row, 1, map.channels * PlanePitch(kStemWidth), row);
  }
}

// The 1 x 1 convolution before the enlargement, with which it commutes: a quarter of the work.
void Decoder::RunSkip(const Stage& stage, float* start) const {
  for (size_t y = 0; stage.has_skip() && y < stage.input.count; ++y) {
    const float* const row = stage.input.Row(start, y);
    kernels_->convolve(stage.skip, &row, stage.input.pixels, stage.skipped.Row(start, y));
  }
}

// Rows 2 y and 2 y + 1 of the stage's output.
void Decoder::RunRow(const Stage& stage, size_t y, const Map& output, float* start) const {
  const Map& input = stage.input;
  const Map& skipped = stage.has_skip() ? stage.skipped : input;
  const std::array<float*, 2> out = {output.Row(start, 2 * y), output.Row(start, 2 * y + 1)};
  kernels_->convolve_shuffled(stage.main, RowsAround(input, y, 1, input.count, start).data(), input.pixels, out.data());
  const float* const near = skipped.Row(start, y);
  const std::array<const float*, 2> far = {skipped.Row(start, y == 0 ? 0 : y - 1),
                                           skipped.Row(start, std::min(y + 1, input.count - 1))};
  for (size_t i = 0; i < 2; ++i) {
    kernels_->add_enlarged_sine(near, far[i], input.pixels, output.channels, out[i]);
  }
}

// The last stage, the refinement and the heads, each row as soon as the rows that it reads are there.
void Decoder::RunLastRows(float* start, const std::array<float*, 2>& pictures) const {
  constexpr size_t kHeight = kModelGrid.height, kWidth = kModelGrid.width;
  size_t enlarged = 0, hidden = 0, refined = 0;  // rows that are there
  const auto enlarge = [&](size_t end) {
    for (; enlarged < std::min(end, kHeight); enlarged += 2) {
      RunRow(stages_.back(), enlarged / 2, enlarged_, start);
    }
  };
  const auto hide = [&](size_t end) {
    for (; hidden < std::min(end, kHeight); ++hidden) {
      enlarge(hidden + 3);
      kernels_->convolve(refine_[0], RowsAround(enlarged_, hidden, 2, kHeight, start).data(), kWidth,
                         hidden_.Row(start, hidden));
    }
  };
  const auto refine = [&](size_t end) {
    for (; refined < std::min(end, kHeight); ++refined) {
      hide(refined + 2);
      float* const change = change_.Row(start, 0);
      kernels_->convolve(refine_[1], RowsAround(hidden_, refined, 1, kHeight, start).data(), kWidth, change);
      kernels_->add_sine(enlarged_.Row(start, refined), change, kRefineGain, change_.channels * PlanePitch(kWidth),
                         refined_.Row(start, refined));
    }
  };
  float* const colours = colours_.Row(start, 0);
  for (size_t y = 0; y < kHeight; ++y) {
    refine(y + 2);
    kernels_->convolve(heads_, RowsAround(refined_, y, 1, kHeight, start).data(), kWidth, colours);
    for (size_t i = 0; i < 2; ++i) {
      kernels_->colour(colours + 3 * i * PlanePitch(kWidth), kWidth, pictures[i] + 3 * kWidth * y);
    }
  }
}

void Decoder::Render(std::span<const float> latent, Workspace& work, const std::array<float*, 2>& pictures) const {
  KIT_CHECK(latent.size() == latent_dims_);
  work.resize(work_floats_);  // zeros at first, which margins and zeros_ stay
  const size_t misalignment = reinterpret_cast<uintptr_t>(work.data()) / sizeof(float) % kAlignment;
  float* const start = work.data() + (kAlignment - misalignment) % kAlignment;
  RunStem(latent, start);
  for (size_t i = 0; i < kNumStages; ++i) {
    RunSkip(stages_[i], start);
    if (i + 1 == kNumStages) break;
    for (size_t y = 0; y < stages_[i].input.count; ++y) RunRow(stages_[i], y, stages_[i + 1].input, start);
  }
  RunLastRows(start, pictures);
}

}  // namespace kitsink::hnerv
