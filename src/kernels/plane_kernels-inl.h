// The plane kernels for one kind of lanes. planes_scalar.cc, planes_avx2.cc and planes_avx512.cc include it, each after
// its lanes, so that all run the same operations in the same order.

#include <algorithm>

#include "kernels/lane_math-inl.h"
#include "kitsink/plane_kernels.h"

namespace kitsink {
namespace {

// kOutputs outputs, from `output` on, of kVectors vectors of pixels, from `first` on: the sums stay in registers.
template <size_t kTaps, size_t kOutputs, size_t kVectors>
KIT_LANES void Sum(const PlaneConv& conv, const float* const* rows, size_t pitch, size_t first, size_t output,
                   Lanes (&sums)[kOutputs][kVectors]) {
  const size_t stride = conv.inputs * kTaps * kTaps;
  const float* weights = conv.weights.data() + output * stride;
  const float* in[kTaps];
  for (size_t i = 0; i < kTaps; ++i) in[i] = rows[i] + first - kTaps / 2 * conv.dilation;
  for (size_t o = 0; o < kOutputs; ++o) {
    for (size_t v = 0; v < kVectors; ++v) sums[o][v] = Broadcast(conv.bias[output + o]);
  }
  for (size_t channel = 0; channel < conv.inputs; ++channel) {
    for (size_t i = 0; i < kTaps; ++i) {
      const float* at = in[i];
      // The next pixels' inputs lie in too many places for the processor to foresee: 15.8 ms a pair instead of 18.7.
      for (size_t v = 0; v < kVectors; ++v) __builtin_prefetch(at + (kVectors + v) * kLanes);
      for (size_t j = 0; j < kTaps; ++j, at += conv.dilation, ++weights) {
        Lanes values[kVectors];
        for (size_t v = 0; v < kVectors; ++v) values[v] = Load(at + v * kLanes);
        for (size_t o = 0; o < kOutputs; ++o) {
          const Lanes weight = Broadcast(weights[o * stride]);
          for (size_t v = 0; v < kVectors; ++v) sums[o][v] = MulAdd(values[v], weight, sums[o][v]);
        }
      }
      in[i] += pitch;
    }
  }
}

template <size_t kTaps, size_t kOutputs, size_t kVectors>
KIT_TARGET void Step(const PlaneConv& conv, const float* const* rows, size_t pitch, size_t first, size_t output,
                     float* out) {
  Lanes sums[kOutputs][kVectors];
  Sum<kTaps>(conv, rows, pitch, first, output, sums);
  for (size_t o = 0; o < kOutputs; ++o) {
    for (size_t v = 0; v < kVectors; ++v) Store(out + (output + o) * pitch + first + v * kLanes, sums[o][v]);
  }
}

// Vectors of the next step: as many as the registers hold, or fewer, so that no short step with idle sums remains.
inline size_t NextVectors(size_t left) {
  const size_t steps = (left + kMaxVectors - 1) / kMaxVectors;
  return (left + steps - 1) / steps;
}

// All outputs of a few pixels, then the next pixels: the inputs stay in the first-level cache, while the weights, up to
// 190 kB, stream through it.
template <size_t kTaps, size_t kVectors>
KIT_TARGET void ConvolveStep(const PlaneConv& conv, const float* const* rows, size_t pitch, size_t first,
                             size_t vectors, float* out) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return ConvolveStep<kTaps, kVectors - 1>(conv, rows, pitch, first, vectors, out);
  }
  size_t output = 0;
  if constexpr (kMaxOutputs > 3) {
    for (; output + kMaxOutputs <= conv.outputs; output += kMaxOutputs) {
      Step<kTaps, kMaxOutputs, kVectors>(conv, rows, pitch, first, output, out);
    }
  }
  for (; output + 3 <= conv.outputs; output += 3) Step<kTaps, 3, kVectors>(conv, rows, pitch, first, output, out);
  if (output + 2 == conv.outputs) Step<kTaps, 2, kVectors>(conv, rows, pitch, first, output, out);
  if (output + 1 == conv.outputs) Step<kTaps, 1, kVectors>(conv, rows, pitch, first, output, out);
}

template <size_t kTaps>
KIT_TARGET void ConvolveTaps(const PlaneConv& conv, const float* const* rows, size_t pixels, float* out) {
  for (size_t first = 0; first < pixels;) {
    const size_t vectors = NextVectors((pixels - first) / kLanes);
    ConvolveStep<kTaps, kMaxVectors>(conv, rows, PlanePitch(pixels), first, vectors, out);
    first += vectors * kLanes;
  }
}

KIT_TARGET void Convolve(const PlaneConv& conv, const float* const* rows, size_t pixels, float* out) {
  if (conv.taps == 1) return ConvolveTaps<1>(conv, rows, pixels, out);
  ConvolveTaps<3>(conv, rows, pixels, out);
}

template <size_t kVectors>
KIT_TARGET void ShuffledStep(const PlaneConv& conv, const float* const* rows, size_t pixels, size_t first,
                             size_t vectors, float* const* out) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return ShuffledStep<kVectors - 1>(conv, rows, pixels, first, vectors, out);
  }
  for (size_t output = 0; output < conv.outputs; output += 4) {
    Lanes sums[4][kVectors];
    Sum<3>(conv, rows, PlanePitch(pixels), first, output, sums);
    for (size_t i = 0; i < 2; ++i) {
      float* const to = out[i] + output / 4 * PlanePitch(2 * pixels) + 2 * first;
      for (size_t v = 0; v < kVectors; ++v) {
        const Interleaved values = Interleave(sums[2 * i][v], sums[2 * i + 1][v]);
        Store(to + v * 2 * kLanes, values.low);
        Store(to + v * 2 * kLanes + kLanes, values.high);
      }
    }
  }
}

KIT_TARGET void ConvolveShuffled(const PlaneConv& conv, const float* const* rows, size_t pixels, float* const* out) {
  for (size_t first = 0; first < pixels;) {
    const size_t vectors = NextVectors((pixels - first) / kLanes);
    ShuffledStep<kMaxVectors>(conv, rows, pixels, first, vectors, out);
    first += vectors * kLanes;
  }
}

KIT_TARGET void AddEnlargedSine(const float* near, const float* far, size_t pixels, size_t channels, float* row) {
  alignas(64) float blended[kPlaneMargin + kMaxPlanePixels + kLanes];
  float* const middle = blended + kPlaneMargin;
  const Lanes most = Broadcast(0.75F), least = Broadcast(0.25F);
  for (size_t channel = 0; channel < channels; ++channel) {
    for (size_t x = 0; x < pixels; x += kLanes) {
      Store(middle + x, MulAdd(Load(near + x), most, Mul(Load(far + x), least)));
    }
    middle[-1] = middle[0];
    middle[pixels] = middle[pixels - 1];
    for (size_t x = 0; x < pixels; x += kLanes) {
      const Lanes here = Mul(Load(middle + x), most);
      const Interleaved enlarged =
          Interleave(MulAdd(Load(middle + x - 1), least, here), MulAdd(Load(middle + x + 1), least, here));
      Store(row + 2 * x, Sine(Add(Load(row + 2 * x), enlarged.low)));
      Store(row + 2 * x + kLanes, Sine(Add(Load(row + 2 * x + kLanes), enlarged.high)));
    }
    near += PlanePitch(pixels);
    far += PlanePitch(pixels);
    row += PlanePitch(2 * pixels);
  }
}

KIT_TARGET void AddSine(const float* x, const float* r, float gain, size_t count, float* out) {
  for (size_t i = 0; i < count; i += kLanes) Store(out + i, MulAdd(Sine(Load(r + i)), Broadcast(gain), Load(x + i)));
}

KIT_TARGET void ColourPlanes(const float* planes, size_t pixels, float* out) {
  for (size_t x = 0; x < pixels; x += kLanes) {
    float colours[3][kLanes];
    for (size_t i = 0; i < 3; ++i) Store(colours[i], ByteSigmoid(Load(planes + i * PlanePitch(pixels) + x)));
    for (size_t i = 0; i < kLanes; ++i, out += 3) {
      for (size_t colour = 0; colour < 3; ++colour) out[colour] = colours[colour][i];
    }
  }
}

constexpr PlaneKernels kPlaneKernels = {Convolve, ConvolveShuffled, AddEnlargedSine, AddSine, ColourPlanes};

}  // namespace
}  // namespace kitsink
