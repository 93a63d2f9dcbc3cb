// Runs the network that renders f1: an embedding, residual blocks and a head, each stage in one sweep over the rows.

#include "codecs/strict/network.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "codecs/strict/finite.h"
#include "kitsink/at_once.h"

namespace kitsink::strict {
namespace {

constexpr double kNormEpsilon = 1e-5;

// Position i of n on -1 .. 1.
double Coordinate(size_t i, size_t n) {
  return n == 1 ? -1.0 : 2.0 * static_cast<double>(i) / static_cast<double>(n - 1) - 1.0;
}

// [rows][columns] to [columns][rows].
std::vector<float> Transposed(const std::vector<float>& values, size_t columns) {
  const size_t rows = values.size() / columns;
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) out[i % columns * rows + i / columns] = values[i];
  return out;
}

// Values of a renderer's tensors, in stream order.
class TensorReader {
 public:
  explicit TensorReader(const Renderer& renderer)
      : specs_(RendererTensors(renderer.shape)), tensors_(renderer.tensors) {
    KIT_CHECK(specs_.size() == tensors_.size());
  }
  std::vector<float> Next() {
    const size_t index = next_++;
    return DequantizeTensor(specs_[index], tensors_[index]);
  }

 private:
  std::vector<TensorSpec> specs_;
  const std::vector<QuantizedTensor>& tensors_;
  size_t next_ = 0;
};

}  // namespace

struct Network::Job {
  std::span<const uint8_t> map;
  uint64_t pair;
  Workspace& work;
  float* picture;
  size_t num_bands;
  const Network& network;

  size_t BandBegin(size_t band) const { return network.height_ * band / num_bands; }
  float* spare(size_t band) const {
    return work.spare.data() + band * network.spare_rows() * (network.width_ + 2 * network.margin_) * network.channels_;
  }
};

Network::Network(const Renderer& renderer, FrameSize map_size, const RowKernels& kernels)
    : kernels_(&kernels),
      width_(map_size.width),
      height_(map_size.height),
      channels_(renderer.shape.width),
      frame_dims_(renderer.shape.frame_dims),
      num_classes_(renderer.shape.num_classes) {
  KIT_CHECK(channels_ % kLaneFloats == 0 && channels_ <= kMaxRowChannels && map_size.size_bytes() > 0);
  TensorReader reader(renderer);
  const std::vector<float> token_embed = reader.Next();
  frame_embed_ = reader.Next();
  // The mix of the embedding is a table; the planes stay.
  const std::vector<float> mix = reader.Next(), mix_bias = reader.Next();
  const size_t inputs = channels_ + 4;
  for (size_t k = 0; k < num_classes_; ++k) {
    for (size_t c = 0; c < channels_; ++c) {
      float sum = mix_bias[c];
      for (size_t i = 0; i < channels_; ++i) sum = std::fma(mix[c * inputs + i], token_embed[k * channels_ + i], sum);
      table_.push_back(sum);
    }
  }
  for (size_t plane = 0; plane < 4; ++plane) {
    for (size_t c = 0; c < channels_; ++c) coordinates_[plane].push_back(mix[c * inputs + channels_ + plane]);
  }
  margin_ = kRowMargin;
  for (const uint8_t dilation : renderer.shape.dilations) {
    Block block;
    block.conv.channels = static_cast<uint32_t>(channels_);
    block.conv.dilation = dilation;
    block.conv.depthwise = Transposed(reader.Next(), 9);
    block.conv.depthwise_bias = reader.Next();
    block.conv.pointwise = Transposed(reader.Next(), channels_);
    block.conv.pointwise_bias = reader.Next();
    block.norm_weight = reader.Next();
    block.norm_bias = reader.Next();
    block.film_weight = reader.Next();
    block.film_bias = reader.Next();
    blocks_.push_back(std::move(block));
    margin_ = std::max<size_t>(margin_, dilation);
  }
  const std::vector<float> head = reader.Next(), head_bias = reader.Next();
  head_.channels = static_cast<uint32_t>(channels_);
  for (size_t tap = 0; tap < 9; ++tap) {
    for (size_t i = 0; i < 3 * channels_; ++i) head_.weights.push_back(head[i * 9 + tap]);
  }
  std::copy_n(head_bias.begin(), 3, head_.bias);
  for (size_t x = 0; x < width_; ++x) {
    const double at = Coordinate(x, width_);
    at_.push_back(static_cast<float>(at));
    square_.push_back(static_cast<float>(at * at));
  }
}

int Network::NumBands(int threads) const {
  return static_cast<int>(std::clamp<size_t>(static_cast<size_t>(std::max(threads, 1)), 1, height_));
}

// Rows above and below that a stage's convolution reads.
size_t Network::Reach(size_t stage) const { return stage < blocks_.size() ? blocks_[stage].conv.dilation : 1; }

size_t Network::WorkingBytes(int threads) const {
  const size_t row = (width_ + 2 * margin_) * channels_;
  const size_t r_row = (width_ + 3) / 4 * 4 * channels_;
  const size_t floats = height_ * (row + r_row) + (static_cast<size_t>(NumBands(threads)) * spare_rows() + 1) * row;
  return floats * sizeof(float) + height_ * 2 * channels_ / kLaneFloats * sizeof(double);
}

// The first pixel of a row of x, behind its margin. Row height_ stays zero.
float* Network::Row(Workspace& work, size_t y) const {
  return work.x.data() + (y * (width_ + 2 * margin_) + margin_) * channels_;
}

// A row of the stage's input: of the embedding, of the residual stream after a block, or of the head's.
void Network::Produce(const Job& job, size_t stage, size_t y, float* out) const {
  Workspace& work = job.work;
  if (stage > 0) {
    const auto add = stage < blocks_.size() ? kernels_->add_gelu : kernels_->gelu_of_add_gelu;
    const size_t pitch = (width_ + 3) / 4 * 4 * channels_;
    add(Row(work, y), work.r.data() + y * pitch, work.scale.data(), work.shift.data(), width_, channels_, out);
    return;
  }
  const double at = Coordinate(y, height_);
  const auto linear = static_cast<float>(at), square = static_cast<float>(at * at);
  std::vector<float> table(table_);
  for (size_t i = 0; i < table.size(); ++i) {
    const size_t c = i % channels_;
    table[i] = std::fma(square, coordinates_[3][c], std::fma(linear, coordinates_[1][c], table[i]));
  }
  kernels_->embed(job.map.data() + y * width_, width_, channels_, table.data(), at_.data(), square_.data(),
                  coordinates_[0].data(), coordinates_[2].data(), out);
}

// Computes the rows of the neighbouring bands that the band's convolution reads, before their owners replace them.
void Network::MakeSpare(const Job& job, size_t stage, size_t band) const {
  const size_t begin = job.BandBegin(band), end = job.BandBegin(band + 1), reach = Reach(stage);
  const size_t pitch = (width_ + 2 * margin_) * channels_;
  float* const first = job.spare(band) + margin_ * channels_;
  for (size_t i = 0; i < reach; ++i) {
    if (begin + i >= reach) Produce(job, stage, begin + i - reach, first + i * pitch);
    if (end + i < height_) Produce(job, stage, end + i, first + (reach + i) * pitch);
  }
}

// Computes a band's rows of the stage's input, in place, and of its output. Both in one sweep, since an input row is
// read while it lies in a cache, and its place in r is free by then.
void Network::Sweep(const Job& job, size_t stage, size_t band) const {
  const size_t begin = job.BandBegin(band), end = job.BandBegin(band + 1), reach = Reach(stage);
  const size_t pitch = (width_ + 2 * margin_) * channels_;
  const bool last = stage == blocks_.size();
  float* const spare = job.spare(band) + margin_ * channels_;
  // Nothing reads the last residual stream again, so the head's input takes turns in three rows.
  const auto own_row = [&](size_t y) {
    return last ? spare + (2 * margin_ + (y - begin) % 3) * pitch : Row(job.work, y);
  };
  const auto input_row = [&](size_t y) -> const float* {  // y wraps above the first row
    if (y >= height_) return Row(job.work, height_);
    if (y < begin) return spare + (y + reach - begin) * pitch;
    return y < end ? own_row(y) : spare + (reach + y - end) * pitch;
  };
  size_t ready = begin;
  const size_t num_sums = 2 * channels_ / kLaneFloats;
  for (size_t y = begin; y < end; ++y) {
    for (; ready < std::min(end, y + reach + 1); ++ready) Produce(job, stage, ready, own_row(ready));
    const std::array<const float*, 3> rows = {input_row(y - reach), input_row(y), input_row(y + reach)};
    if (last) {
      kernels_->colour(head_, rows.data(), width_, job.picture + 3 * width_ * y);
    } else {
      kernels_->separable(blocks_[stage].conv, rows.data(), width_,
                          job.work.r.data() + y * ((width_ + 3) / 4 * 4 * channels_),
                          job.work.sums.data() + y * num_sums);
    }
  }
}

// Folds the block's normalisation and the pair's modulation into a scale and a shift of each channel.
void Network::Modulate(const Job& job, size_t index) const {
  const Block& block = blocks_[index];
  const size_t groups = channels_ / kLaneFloats;
  std::vector<double> totals(2 * groups);
  for (size_t y = 0; y < height_; ++y) {
    for (size_t i = 0; i < 2 * groups; ++i) totals[i] += job.work.sums[y * 2 * groups + i];
  }
  const double count = static_cast<double>(width_ * height_ * kLaneFloats);
  const float* const embed = frame_embed_.data() + job.pair * frame_dims_;
  const auto film = [&](size_t row) {
    double sum = static_cast<double>(block.film_bias[row]);
    for (size_t i = 0; i < frame_dims_; ++i) {
      sum += static_cast<double>(block.film_weight[row * frame_dims_ + i]) * static_cast<double>(embed[i]);
    }
    return sum;
  };
  for (size_t c = 0; c < channels_; ++c) {
    const double mean = totals[c / kLaneFloats] / count;
    const double variance = totals[groups + c / kLaneFloats] / count - mean * mean;
    const double deviation = std::sqrt((variance > 0 ? variance : 0) + kNormEpsilon);
    const double gain = static_cast<double>(block.norm_weight[c]) / deviation;
    const double modulation = 1 + film(c);
    job.work.scale[c] = FiniteFloat(gain * modulation);
    job.work.shift[c] =
        FiniteFloat((static_cast<double>(block.norm_bias[c]) - mean * gain) * modulation + film(channels_ + c));
  }
}

void Network::Run(std::span<const uint8_t> map, uint64_t pair, int threads, Workspace& work, float* picture) const {
  const auto num_bands = static_cast<size_t>(NumBands(threads));
  const size_t pitch = (width_ + 2 * margin_) * channels_;
  work.x.resize((height_ + 1) * pitch);
  work.r.resize(height_ * ((width_ + 3) / 4 * 4) * channels_);
  work.spare.resize(std::max(work.spare.size(), num_bands * spare_rows() * pitch));
  work.sums.resize(height_ * 2 * channels_ / kLaneFloats);
  work.scale.resize(channels_);
  work.shift.resize(channels_);
  const Job job{map, pair, work, picture, num_bands, *this};
  const auto bands = [&](void (Network::*part)(const Job&, size_t, size_t) const, size_t stage) {
    const Status status = RunAtOnce(num_bands, threads, [&](size_t, size_t band) {
      (this->*part)(job, stage, band);
      return Ok();
    });
    KIT_CHECK(status.ok());
  };
  for (size_t stage = 0; stage <= blocks_.size(); ++stage) {
    if (num_bands > 1) bands(&Network::MakeSpare, stage);
    bands(&Network::Sweep, stage);
    if (stage < blocks_.size()) Modulate(job, stage);
  }
}

}  // namespace kitsink::strict
