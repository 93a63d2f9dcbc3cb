// Shapes of the renderer and of the carrier, and the tensors of the renderer as its state dict has them.

#include <string>

#include "codecs/strict/scene.h"

namespace kitsink::strict {

namespace {

// Statistics numbers, in the order of kCodeNames.
enum Codes : uint8_t { kTokenEmbed, kFrameEmbed, kCoordMix, kDepthwise, kPointwise, kFilm, kHead };

// Panels: a block's vectors belong to the same channels, and so do those of the first layer.
constexpr uint8_t kFirstLayer = 0, kFrames = 1, kLastLayer = 2, kFirstBlock = 3;

}  // namespace

std::vector<uint8_t> UsualDilations(size_t num_blocks) {
  constexpr std::array<uint8_t, 4> kUsual = {1, 1, 2, 4};
  std::vector<uint8_t> dilations;
  for (size_t i = 0; i < num_blocks; ++i) dilations.push_back(kUsual[i % kUsual.size()]);
  return dilations;
}

std::vector<TensorSpec> RendererTensors(const RendererShape& shape) {
  using enum TensorKind;
  const uint32_t width = shape.width;
  std::vector<TensorSpec> specs = {
      {"token_embed.weight", {shape.num_classes, width}, kInt4Columns, kTokenEmbed, kFirstLayer},
      {"frame_embed.weight", {shape.num_pairs, shape.frame_dims}, kInt4Columns, kFrameEmbed, kFrames},
      {"coord_mix.weight", {width, width + 4, 1, 1}, kInt4Rows, kCoordMix, kFirstLayer},
      {"coord_mix.bias", {width}, kHalf, 0, kFirstLayer},
  };
  for (size_t block = 0; block < shape.dilations.size(); ++block) {
    const std::string prefix = "blocks." + std::to_string(block) + ".";
    const auto panel = static_cast<uint8_t>(kFirstBlock + block);
    specs.push_back({prefix + "dw.weight", {width, 1, 3, 3}, kInt4Rows, kDepthwise, panel});
    specs.push_back({prefix + "dw.bias", {width}, kHalf, 0, panel});
    specs.push_back({prefix + "pw.weight", {width, width, 1, 1}, kInt4Rows, kPointwise, panel});
    specs.push_back({prefix + "pw.bias", {width}, kHalf, 0, panel});
    specs.push_back({prefix + "norm.weight", {width}, kHalf, 0, panel});
    specs.push_back({prefix + "norm.bias", {width}, kHalf, 0, panel});
    specs.push_back({prefix + "film.weight", {2 * width, shape.frame_dims}, kInt4Rows, kFilm, panel});
    specs.push_back({prefix + "film.bias", {2 * width}, kHalf, 0, panel});
  }
  specs.push_back({"head.weight", {3, width, 3, 3}, kInt4Rows, kHead, kLastLayer});
  specs.push_back({"head.bias", {3}, kHalf, 0, kLastLayer});
  return specs;
}

Status CheckRendererShape(const RendererShape& shape, const Limits& limits) {
  const auto fail = [](const std::string& what, uint64_t got, const std::string& expected) {
    return Error{Code::kInvalidArgument,
                 "renderer: " + what + ": got " + std::to_string(got) + ", expected " + expected};
  };
  if (shape.width < 16 || shape.width > 128 || shape.width % 8 != 0) {
    return fail("width", shape.width, "a multiple of 8 from 16 to 128");
  }
  if (shape.frame_dims < 1 || shape.frame_dims > 64) return fail("columns of frame_embed", shape.frame_dims, "1 to 64");
  if (shape.dilations.empty() || shape.dilations.size() > 8) return fail("blocks", shape.dilations.size(), "1 to 8");
  for (const uint8_t dilation : shape.dilations) {
    if (dilation < 1 || dilation > 16) return fail("dilation", dilation, "1 to 16");
  }
  return CheckNumWeights(RendererTensors(shape), limits);
}

Status CheckPreimage(const Renderer& renderer, FrameSize map_size, FrameSize frame_size) {
  // As HasPrivateTaps, of a room that this one cannot include.
  const bool private_taps = frame_size.width >= 2 * kModelGrid.width && frame_size.height >= 2 * kModelGrid.height;
  if (!renderer.preimage || (map_size == kModelGrid && private_taps)) return Ok();
  const auto text = [](FrameSize size) { return std::to_string(size.width) + " x " + std::to_string(size.height); };
  return Error{Code::kInvalidArgument, "renderer: a pre-image needs maps of " + text(kModelGrid) +
                                           " and frames at least twice as large, got " + text(map_size) + " and " +
                                           text(frame_size)};
}

Status CheckCarrierShape(const Carrier& carrier) {
  const auto fail = [](const std::string& what, uint64_t got, const std::string& expected) {
    return Error{Code::kInvalidArgument,
                 "carrier: " + what + ": got " + std::to_string(got) + ", expected " + expected};
  };
  constexpr uint64_t kMaxBasis = 1U << 17;  // ten minutes of a hostile archive's decoding otherwise
  if (carrier.num_atoms > 32) return fail("atoms", carrier.num_atoms, "0 to 32");
  if (carrier.num_atoms == 0 && !carrier.moves) return fail("atoms", 0, "1 to 32 where f1's picture does not move");
  if (carrier.grid_height < 1 || carrier.grid_height > 128) return fail("rows", carrier.grid_height, "1 to 128");
  if (carrier.grid_width < 1 || carrier.grid_width > 128) return fail("columns", carrier.grid_width, "1 to 128");
  const uint64_t basis = uint64_t{3} * carrier.num_atoms * carrier.grid_height * carrier.grid_width;
  if (basis > kMaxBasis) return fail("codes of the basis", basis, "at most " + std::to_string(kMaxBasis));
  return Ok();
}

}  // namespace kitsink::strict
