// Makes the frames of a pair: dequantises its latent vector, renders both pictures, and enlarges or inverts them.

#include "codecs/hnerv/frames.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "kitsink/half.h"

namespace kitsink::hnerv {
namespace {

// 1.0 for the bits of a row that are set, from the lowest on, else -1.
constexpr std::array<uint8_t, 8> kTile = {0x5a, 0xa5, 0x96, 0x69, 0x33, 0xcc, 0x99, 0x66};
// What modes 3 to 14 add to red, green and blue.
constexpr std::array<std::array<int8_t, 3>, 12> kShifts = {{{1, 1, 1},
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

void Add(uint8_t& value, int change) { value = static_cast<uint8_t>(std::clamp(value + change, 0, 255)); }

}  // namespace

std::vector<float> DequantizeLatent(const Latents& latents, uint64_t pair) {
  std::vector<float> values(latents.dims);
  for (size_t i = 0; i < latents.dims; ++i) {
    const float product = static_cast<float>(latents.codes[pair * latents.dims + i]) * HalfToFloat(latents.scale[i]);
    values[i] = product + HalfToFloat(latents.minimum[i]);
  }
  if (latents.corrections.empty()) return values;
  const Correction& correction = latents.corrections[pair];
  if (correction.dim == Correction::kNone) return values;
  const double unit = std::round(static_cast<double>(latents.correction_unit) * 1e6) / 1e6;
  values[correction.dim] += static_cast<float>(correction.steps * unit);
  return values;
}

void ApplySelector(uint8_t mode, Frame& frame) {
  KIT_CHECK(mode < kNumSelectorModes);
  if (mode == 0) return;
  const size_t width = frame.size.width;
  if (mode == 15) {
    std::rotate(frame.rgb.begin(), frame.rgb.end() - static_cast<ptrdiff_t>(3 * width), frame.rgb.end());
    return;
  }
  uint8_t* pixel = frame.rgb.data();
  for (size_t y = 0; y < frame.size.height; ++y) {
    for (size_t x = 0; x < width; ++x, pixel += 3) {
      std::array<int8_t, 3> shift{};
      if (mode < 3) {
        const int sign = (kTile[y % 8] >> x % 8 & 1) != 0 ? 1 : -1;
        shift[0] = static_cast<int8_t>(mode == 1 ? sign : 3 * sign);
        shift[2] = static_cast<int8_t>(-shift[0]);
      } else {
        shift = kShifts[mode - 3U];
      }
      for (size_t colour = 0; colour < 3; ++colour) Add(pixel[colour], shift[colour]);
    }
  }
}

Result<std::unique_ptr<FrameRenderer>> FrameRenderer::Create(const Scene& scene, const PlaneKernels& planes,
                                                             const RowKernels& rows) {
  KIT_TRY(CheckScene(scene, Limits()));
  if (scene.frame_size.size_bytes() == 0) return Error{Code::kInvalidArgument, "frames: the frame is empty"};
  std::vector<std::vector<float>> tensors;
  for (const Int8Tensor& tensor : scene.tensors) {
    std::vector<float>& values = tensors.emplace_back();
    for (const int8_t code : tensor.codes) values.push_back(static_cast<float>(code) * tensor.scale);
  }
  KIT_ASSIGN(Decoder decoder, Decoder::Create(scene.shape, tensors, planes));
  return std::unique_ptr<FrameRenderer>(new FrameRenderer(scene, std::move(decoder), rows));
}

FrameRenderer::FrameRenderer(const Scene& scene, Decoder decoder, const RowKernels& rows)
    : decoder_(std::move(decoder)),
      latents_(scene.latents),
      chain_(scene.chain),
      offsets_(scene.offsets),
      selector_(scene.selector),
      to_frame_(kModelGrid, scene.frame_size, Interpolation::kBicubic, rows) {}

FramePair FrameRenderer::Render(uint64_t pair) const {
  KIT_CHECK(pair < latents_.num_pairs);
  return Render(DequantizeLatent(latents_, pair), selector_.empty() ? uint8_t{0} : selector_[pair]);
}

FramePair FrameRenderer::Render(std::span<const float> latent, uint8_t mode) const {
  // Kept between calls, as fresh memory takes time.
  std::unique_ptr<Workspace> work;
  if (const std::lock_guard lock(mutex_); !idle_.empty()) {
    work = std::move(idle_.back());
    idle_.pop_back();
  }
  if (work == nullptr) work = std::make_unique<Workspace>();
  for (std::vector<float>& picture : work->pictures) picture.resize(kModelGrid.size_bytes());
  decoder_.Render(latent, work->decoder, {work->pictures[0].data(), work->pictures[1].data()});
  FramePair frames{FrameOf(work->pictures[0], 0), FrameOf(work->pictures[1], 1)};
  ApplySelector(mode, frames.f0);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(work));
  return frames;
}

Frame FrameRenderer::FrameOf(std::span<const float> picture, size_t which) const {
  return chain_ == FrameChain::kPreimage ? WritePreimage(PlanesOf(picture), to_frame_.target())
                                         : to_frame_.Resize(picture, offsets_[which], 1);
}

size_t FrameRenderer::WorkingBytes() const {
  return decoder_.WorkingBytes() + 3 * kModelGrid.size_bytes() * sizeof(float) + 2 * to_frame_.target().size_bytes();
}

}  // namespace kitsink::hnerv
