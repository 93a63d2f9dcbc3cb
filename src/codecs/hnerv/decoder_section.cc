// Codes the decoder's weights and biases by context mixing, and their scales.

#include "codecs/hnerv/decoder_section.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>

#include "kitsink/section_bits.h"

namespace kitsink::hnerv {
namespace {

constexpr int kLowFraction = 13;  // fraction bits of a float that a half does not have

// Matrices before vectors and large tensors before small ones, which then profit from what was learned.
std::vector<size_t> CodingOrder(std::span<const DecoderTensor> tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    const Int8Layout &left = tensors[a].layout, &right = tensors[b].layout;
    if ((left.columns == 1) != (right.columns == 1)) return right.columns == 1;
    return left.num_codes() > right.num_codes();
  });
  return order;
}

// Exponents are alike, so a tree of models codes them; scales that are halves lack the low bits of the fraction.
template <typename Coder>
void CodeScales(SectionBits<Coder>& bits, std::span<Int8Tensor> tensors) {
  std::array<AdaptiveBit, 256> exponents;
  const bool halves = bits.CodeRaw(std::ranges::all_of(tensors,
                                                       [](const Int8Tensor& tensor) {
                                                         return (std::bit_cast<uint32_t>(tensor.scale) &
                                                                 ((1U << kLowFraction) - 1)) == 0;
                                                       })
                                       ? 1
                                       : 0,
                                   1) != 0;
  for (Int8Tensor& tensor : tensors) {
    const auto pattern = std::bit_cast<uint32_t>(tensor.scale);
    const uint32_t exponent = bits.CodeTree(exponents, pattern >> 23 & 255, 8);
    const uint32_t high = bits.CodeRaw(pattern >> kLowFraction & 1023, 10);
    const uint32_t low = halves ? 0 : bits.CodeRaw(pattern & ((1U << kLowFraction) - 1), kLowFraction);
    tensor.scale = std::bit_cast<float>(exponent << 23 | high << kLowFraction | low);
  }
}

}  // namespace

std::vector<DecoderTensor> DecoderTensors(const DecoderShape& shape) {
  std::vector<DecoderTensor> tensors;
  const auto add = [&](const std::string& name, const Int8Layout& weight) {
    tensors.push_back({name + ".weight", weight});
    Int8Layout bias;
    bias.rows = weight.rows;
    bias.grid_height = weight.grid_height;
    bias.grid_width = weight.grid_width;
    tensors.push_back({name + ".bias", bias});
  };
  const auto& channels = shape.channels;
  const uint32_t last = channels.back();
  add("stem", {.rows = channels[0] * kStemHeight * kStemWidth,
               .columns = shape.latent_dims,
               .grid_height = kStemHeight,
               .grid_width = kStemWidth});
  for (size_t i = 0; i < kNumStages; ++i) {
    add("blocks." + std::to_string(i), {4 * channels[i + 1], channels[i], 3, 3, 4});
  }
  for (size_t i = 0; i < kNumStages; ++i) {
    if (channels[i] != channels[i + 1]) add("skips." + std::to_string(i), {channels[i + 1], channels[i]});
  }
  add("refine.0", {last / 2, last, 3, 3});
  add("refine.1", {last, last / 2, 3, 3});
  for (const char* head : {"rgb_0", "rgb_1"}) add(head, {3, last, 3, 3});
  return tensors;
}

Status CheckDecoderShape(const DecoderShape& shape, const Limits& limits) {
  const auto fail = [](const std::string& what, uint64_t got, const std::string& expected) {
    return Error{Code::kInvalidArgument,
                 "decoder: " + what + ": got " + std::to_string(got) + ", expected " + expected};
  };
  if (shape.latent_dims < 1 || shape.latent_dims > limits.max_track_dims) {
    return fail("latent dimensions", shape.latent_dims, "1 to " + std::to_string(limits.max_track_dims));
  }
  for (size_t i = 0; i < shape.channels.size(); ++i) {
    const uint32_t least = i == kNumStages ? 2 : 1;
    if (shape.channels[i] < least || shape.channels[i] > kMaxChannels) {
      return fail("channels", shape.channels[i], std::to_string(least) + " to " + std::to_string(kMaxChannels));
    }
  }
  uint64_t codes = 0;
  for (const DecoderTensor& tensor : DecoderTensors(shape)) codes += tensor.layout.num_codes();
  const uint64_t most = std::min(kMaxDecoderCodes, limits.max_weights);
  if (codes > most) {
    return Error{Code::kLimit, "decoder: asks for " + std::to_string(codes) + " codes, limit " + std::to_string(most)};
  }
  return Ok();
}

void EncodeDecoderTensors(BinaryEncoder& coder, const DecoderShape& shape, std::span<const Int8Tensor> tensors) {
  const std::vector<DecoderTensor> all = DecoderTensors(shape);
  KIT_CHECK(tensors.size() == all.size());
  std::vector<Int8Tensor> copy(tensors.begin(), tensors.end());
  SectionBits<BinaryEncoder> bits(coder);
  CodeScales(bits, std::span(copy));
  std::vector<Int8Layout> layouts;
  std::vector<std::vector<int8_t>> codes;
  for (const size_t i : CodingOrder(all)) {
    KIT_CHECK(copy[i].codes.size() == all[i].layout.num_codes());
    layouts.push_back(all[i].layout);
    codes.push_back(std::move(copy[i].codes));
  }
  EncodeInt8Tensors(coder, layouts, codes);
}

Result<std::vector<Int8Tensor>> DecodeDecoderTensors(BinaryDecoder& coder, const DecoderShape& shape,
                                                     std::vector<StreamPart>* parts) {
  const std::vector<DecoderTensor> all = DecoderTensors(shape);
  std::vector<Int8Tensor> tensors(all.size());
  SectionBits<BinaryDecoder> bits(coder);
  CodeScales(bits, std::span(tensors));
  const std::vector<size_t> order = CodingOrder(all);
  std::vector<Int8Layout> layouts;
  for (const size_t i : order) layouts.push_back(all[i].layout);
  std::vector<double> costs(parts != nullptr ? all.size() : 0);
  std::vector<std::vector<int8_t>> codes = DecodeInt8Tensors(coder, layouts, costs);
  std::vector<double> tensor_costs(costs.size());
  for (size_t k = 0; k < order.size(); ++k) {
    tensors[order[k]].codes = std::move(codes[k]);
    if (parts != nullptr) tensor_costs[order[k]] = costs[k];
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!(tensors[i].scale > 0) || !std::isfinite(tensors[i].scale)) {
      return Error{Code::kCorrupt, "decoder: " + all[i].name + ": its scale is not positive and finite"};
    }
    if (std::ranges::find(tensors[i].codes, int8_t{-128}) != tensors[i].codes.end()) {
      return Error{Code::kCorrupt, "decoder: " + all[i].name + ": got a code of -128, expected -127 to 127"};
    }
    if (parts != nullptr) parts->push_back({all[i].name, tensor_costs[i], all[i].layout.num_codes()});
  }
  if (parts != nullptr) parts->push_back({"scales", bits.bits(), all.size()});
  return tensors;
}

}  // namespace kitsink::hnerv
