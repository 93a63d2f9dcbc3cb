// The row kernels for one kind of lanes. rows_scalar.cc and rows_avx2.cc include it, each after its lanes, so that both
// run the same operations in the same order.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/lane_math-inl.h"
#include "kitsink/kernels.h"

namespace kitsink {
namespace {

constexpr size_t kTile = 16;  // pixels that a separable convolution keeps in the first-level cache
constexpr size_t kStep = 4;   // pixels of one matrix product

// x / 2 * (1 + erf(x / sqrt(2))) = max(x, 0) - t / 2 * erfc(t / sqrt(2)) with t = |x|. -log2 erfc(t / sqrt(2)) is t
// times a polynomial of degree 7 on 0 .. 6; beyond 6 the second term is below 7e-9. A NaN gives what -6 gives.
KIT_LANES F8 Gelu(F8 x) {
  const F8 t = Min(Abs(x), Broadcast(6.0F));
  F8 p = Broadcast(-1.90205833e-06F);
  p = MulAdd(p, t, Broadcast(2.80568529e-05F));
  p = MulAdd(p, t, Broadcast(-0.0001314728F));
  p = MulAdd(p, t, Broadcast(-0.00027207681F));
  p = MulAdd(p, t, Broadcast(0.00724542281F));
  p = MulAdd(p, t, Broadcast(-0.0526276119F));
  p = MulAdd(p, t, Broadcast(-0.459162146F));
  p = MulAdd(p, t, Broadcast(-1.15111101F));
  const F8 half_erfc = Exp2(MulAdd(p, t, Broadcast(-1.0F)));
  return NegMulAdd(t, half_erfc, Max(x, Broadcast(0.0F)));
}

KIT_TARGET void EmbedRow(const uint8_t* ids, size_t pixels, size_t channels, const float* table, const float* at,
                         const float* square, const float* slope, const float* curve, float* out) {
  for (size_t x = 0; x < pixels; ++x, out += channels) {
    const float* const base = table + ids[x] * channels;
    const F8 first = Broadcast(at[x]), second = Broadcast(square[x]);
    for (size_t c = 0; c < channels; c += kLaneFloats) {
      const F8 linear = MulAdd(first, Load(slope + c), Load(base + c));
      Store(out + c, MulAdd(second, Load(curve + c), linear));
    }
  }
}

KIT_TARGET void AddGeluRow(const float* x, const float* r, const float* scale, const float* shift, size_t pixels,
                           size_t channels, float* out) {
  for (size_t i = 0; i < pixels * channels; i += channels) {
    for (size_t c = 0; c < channels; c += kLaneFloats) {
      const F8 inner = MulAdd(Load(r + i + c), Load(scale + c), Load(shift + c));
      Store(out + i + c, Add(Load(x + i + c), Gelu(inner)));
    }
  }
}

// Two loops per pixel: in one, each GELU waits for the other, which took 1.5 times as long.
KIT_TARGET void GeluOfAddGeluRow(const float* x, const float* r, const float* scale, const float* shift, size_t pixels,
                                 size_t channels, float* out) {
  for (size_t i = 0; i < pixels * channels; i += channels) {
    AddGeluRow(x + i, r + i, scale, shift, 1, channels, out + i);
    for (size_t c = 0; c < channels; c += kLaneFloats) Store(out + i + c, Gelu(Load(out + i + c)));
  }
}

// `count` pixels from `first` on, to `tile`.
KIT_LANES void DepthwiseTile(const SeparableConv& conv, const float* const* rows, size_t first, size_t count,
                             float* tile) {
  const size_t channels = conv.channels;
  const size_t step = conv.dilation * channels;
  const float* const top = rows[0] + first * channels;
  const float* const middle = rows[1] + first * channels;
  const float* const bottom = rows[2] + first * channels;
  for (size_t c = 0; c < channels; c += kLaneFloats) {
    F8 w[9];
    for (size_t tap = 0; tap < 9; ++tap) w[tap] = Load(conv.depthwise.data() + tap * channels + c);
    const F8 bias = Load(conv.depthwise_bias.data() + c);
    for (size_t at = c; at < c + count * channels; at += channels) {
      F8 sum = MulAdd(Load(top + at - step), w[0], bias);
      sum = MulAdd(Load(top + at), w[1], sum);
      sum = MulAdd(Load(top + at + step), w[2], sum);
      sum = MulAdd(Load(middle + at - step), w[3], sum);
      sum = MulAdd(Load(middle + at), w[4], sum);
      sum = MulAdd(Load(middle + at + step), w[5], sum);
      sum = MulAdd(Load(bottom + at - step), w[6], sum);
      sum = MulAdd(Load(bottom + at), w[7], sum);
      sum = MulAdd(Load(bottom + at + step), w[8], sum);
      Store(tile + at, sum);
    }
  }
}

// kStep pixels times kVectors * 8 columns of the matrix: the sums stay in registers.
template <size_t kVectors>
KIT_TARGET void MultiplyStep(const float* in, const float* matrix, const float* bias, size_t channels, float* out) {
  F8 sums[kStep][kVectors];
  for (size_t p = 0; p < kStep; ++p) {
    for (size_t v = 0; v < kVectors; ++v) sums[p][v] = Load(bias + v * kLaneFloats);
  }
  for (size_t k = 0; k < channels; ++k) {
    F8 w[kVectors];
    for (size_t v = 0; v < kVectors; ++v) w[v] = Load(matrix + k * channels + v * kLaneFloats);
    for (size_t p = 0; p < kStep; ++p) {
      const F8 value = Broadcast(in[p * channels + k]);
      for (size_t v = 0; v < kVectors; ++v) sums[p][v] = MulAdd(value, w[v], sums[p][v]);
    }
  }
  for (size_t p = 0; p < kStep; ++p) {
    for (size_t v = 0; v < kVectors; ++v) Store(out + p * channels + v * kLaneFloats, sums[p][v]);
  }
}

// Columns outside, pixels inside: a third of a kilobyte per pixel and 9 kB of the matrix stay in the first-level cache.
KIT_LANES void PointwiseTile(const SeparableConv& conv, const float* tile, size_t count, float* out) {
  const size_t channels = conv.channels;
  for (size_t c = 0; c < channels;) {
    const size_t vectors = std::min<size_t>((channels - c) / kLaneFloats, 3);
    const auto multiply = vectors == 3 ? MultiplyStep<3> : vectors == 2 ? MultiplyStep<2> : MultiplyStep<1>;
    for (size_t p = 0; p < count; p += kStep) {
      multiply(tile + p * channels, conv.pointwise.data() + c, conv.pointwise_bias.data() + c, channels,
               out + p * channels + c);
    }
    c += vectors * kLaneFloats;
  }
}

// Sums in float over the pixels of a tile, in double over tiles: `sums` holds channels sums, then channels sums of
// squares.
KIT_LANES void AddTileSums(const float* tile, size_t count, size_t channels, double* sums) {
  for (size_t c = 0; c < channels; c += kLaneFloats) {
    F8 sum = Broadcast(0.0F), squares = Broadcast(0.0F);
    for (size_t p = 0; p < count; ++p) {
      const F8 value = Load(tile + p * channels + c);
      sum = Add(sum, value);
      squares = MulAdd(value, value, squares);
    }
    AddToDoubles(sums + c, sum);
    AddToDoubles(sums + channels + c, squares);
  }
}

KIT_TARGET void SeparableRow(const SeparableConv& conv, const float* const* rows, size_t pixels, float* out,
                             double* sums) {
  const size_t channels = conv.channels;
  alignas(64) float tile[kTile * kMaxRowChannels];
  double lane_sums[2 * kMaxRowChannels];
  std::fill_n(lane_sums, 2 * channels, 0.0);
  for (size_t first = 0; first < pixels; first += kTile) {
    const size_t count = std::min(kTile, pixels - first);
    DepthwiseTile(conv, rows, first, count, tile);
    const size_t whole = (count + kStep - 1) / kStep * kStep;
    std::fill(tile + count * channels, tile + whole * channels, 0.0F);
    PointwiseTile(conv, tile, whole, out + first * channels);
    AddTileSums(out + first * channels, count, channels, lane_sums);
  }
  for (size_t group = 0; group < 2 * channels / kLaneFloats; ++group) {
    const double* const l = lane_sums + group * kLaneFloats;
    sums[group] = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]));
  }
}

KIT_TARGET void ColourRow(const ColourConv& conv, const float* const* rows, size_t pixels, float* out) {
  const size_t channels = conv.channels;
  for (size_t first = 0; first < pixels; first += kLaneFloats) {
    float rgb[3 * kLaneFloats];
    for (size_t half = 0; half < kLaneFloats; half += kStep) {
      F8 sums[kStep][3];
      for (size_t p = 0; p < kStep; ++p) {
        for (size_t colour = 0; colour < 3; ++colour) sums[p][colour] = Broadcast(0.0F);
      }
      // The second half may lie outside the row and its margin: it is computed from the first half's place.
      const size_t from = first + half < pixels ? first + half : first;
      for (size_t tap = 0; tap < 9; ++tap) {
        const float* const in = rows[tap / 3] + (from + tap % 3) * channels - channels;
        const float* const w = conv.weights.data() + tap * 3 * channels;
        for (size_t c = 0; c < channels; c += kLaneFloats) {
          const F8 red = Load(w + c), green = Load(w + channels + c), blue = Load(w + 2 * channels + c);
          for (size_t p = 0; p < kStep; ++p) {
            const F8 value = Load(in + p * channels + c);
            sums[p][0] = MulAdd(value, red, sums[p][0]);
            sums[p][1] = MulAdd(value, green, sums[p][1]);
            sums[p][2] = MulAdd(value, blue, sums[p][2]);
          }
        }
      }
      for (size_t p = 0; p < kStep; ++p) {
        for (size_t colour = 0; colour < 3; ++colour) {
          rgb[3 * (half + p) + colour] = SumLanes(sums[p][colour]) + conv.bias[colour];
        }
      }
    }
    for (size_t i = 0; i < 3 * kLaneFloats; i += kLaneFloats) Store(rgb + i, ByteSigmoid(Load(rgb + i)));
    std::memcpy(out + 3 * first, rgb, 3 * std::min(kLaneFloats, pixels - first) * sizeof(float));
  }
}

KIT_TARGET void ChooseRow(std::span<const TapCandidate> candidates, const TapRow& row, size_t pixels, float* indices) {
  for (size_t x = 0; x < pixels; x += kLaneFloats) {
    const F8 left = Load(row.left + x), right = Load(row.right + x), rest = Load(row.rest + x);
    F8 penalties[4];
    for (size_t i = 0; i < 4; ++i) penalties[i] = Load(row.penalties[i] + x);
    F8 best_error = Broadcast(std::numeric_limits<float>::infinity()), best = Broadcast(0.0F), index = Broadcast(0.0F);
    for (const TapCandidate& candidate : candidates) {
      const F8 sum = Add(Mul(Broadcast(candidate.left), left), Mul(Broadcast(candidate.right), right));
      const F8 error = Add(Abs(Sub(sum, rest)), penalties[candidate.penalty]);
      best = SelectLess(error, best_error, index, best);
      best_error = Min(error, best_error);
      index = Add(index, Broadcast(1.0F));
    }
    Store(indices + x, best);
  }
}

// Four floats are read and written for the three of a pixel, but for pixels at the end, where the fourth may lie
// outside the memory.
template <size_t kCount>
KIT_TARGET void ResizeRowOf(const float* rgb, const AxisTaps& taps, float* out) {
  const size_t size = taps.indices.size();
  const uint32_t last = taps.indices.back();
  for (size_t i = 0; i < size; i += kCount, out += 3) {
    const uint32_t* const index = taps.indices.data() + i;
    const float* const weight = taps.weights.data() + i;
    if (index[kCount - 1] < last) {
      F4 sum = Mul(Load4(rgb + 3 * index[0]), Broadcast4(weight[0]));
      for (size_t tap = 1; tap < kCount; ++tap) {
        sum = MulAdd(Load4(rgb + 3 * index[tap]), Broadcast4(weight[tap]), sum);
      }
      Store(out, sum);
      continue;
    }
    for (size_t colour = 0; colour < 3; ++colour) {
      float sum = rgb[3 * index[0] + colour] * weight[0];
      for (size_t tap = 1; tap < kCount; ++tap) sum = std::fma(rgb[3 * index[tap] + colour], weight[tap], sum);
      out[colour] = sum;
    }
  }
}

KIT_TARGET void ResizeRow(const float* rgb, const AxisTaps& taps, float* out) {
  if (taps.count == 2) return ResizeRowOf<2>(rgb, taps, out);
  ResizeRowOf<4>(rgb, taps, out);
}

KIT_TARGET void BlendRows(const float* const* rows, const float* weights, size_t count, const RgbOffsets& offsets,
                          size_t values, uint8_t* out) {
  constexpr size_t kPeriod = 3 * kLaneFloats;  // after which colours and lanes begin together
  float offset[kPeriod];
  for (size_t i = 0; i < kPeriod; ++i) offset[i] = offsets[i % 3];
  size_t phase = 0;
  for (size_t i = 0; i < values; i += kLaneFloats) {
    F8 sum = Mul(Load(rows[0] + i), Broadcast(weights[0]));
    for (size_t row = 1; row < count; ++row) sum = MulAdd(Load(rows[row] + i), Broadcast(weights[row]), sum);
    sum = Min(Max(Add(sum, Load(offset + phase)), Broadcast(0.0F)), Broadcast(255.0F));
    phase = phase + kLaneFloats == kPeriod ? 0 : phase + kLaneFloats;
    const F8 rounded = Add(sum, Broadcast(kRound));
    if (i + kLaneFloats <= values) {
      StoreLowBytes(out + i, rounded);
    } else {
      uint8_t bytes[kLaneFloats];
      StoreLowBytes(bytes, rounded);
      std::memcpy(out + i, bytes, values - i);
    }
  }
}

constexpr RowKernels kRowKernels = {EmbedRow,  AddGeluRow, GeluOfAddGeluRow, SeparableRow,
                                    ColourRow, ChooseRow,  ResizeRow,        BlendRows};

}  // namespace
}  // namespace kitsink
