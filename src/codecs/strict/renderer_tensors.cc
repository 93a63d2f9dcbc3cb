// Lists the tensors of the renderer, as its state dict has them.

#include <string>

#include "codecs/strict/scene.h"

namespace kitsink::strict {

std::vector<TensorSpec> RendererTensors(const RendererShape& shape) {
  const uint32_t width = shape.width;
  std::vector<TensorSpec> specs = {
      {"token_embed.weight", {shape.num_classes, width}, TensorKind::kInt4Columns},
      {"frame_embed.weight", {shape.num_pairs, shape.frame_dims}, TensorKind::kInt4Columns},
      {"coord_mix.weight", {width, width + 4, 1, 1}, TensorKind::kInt4Rows},
      {"coord_mix.bias", {width}, TensorKind::kHalf},
  };
  for (size_t block = 0; block < shape.dilations.size(); ++block) {
    const std::string prefix = "blocks." + std::to_string(block) + ".";
    specs.insert(specs.end(), {
                                  {prefix + "dw.weight", {width, 1, 3, 3}, TensorKind::kInt4Rows},
                                  {prefix + "dw.bias", {width}, TensorKind::kHalf},
                                  {prefix + "pw.weight", {width, width, 1, 1}, TensorKind::kInt4Rows},
                                  {prefix + "pw.bias", {width}, TensorKind::kHalf},
                                  {prefix + "norm.weight", {width}, TensorKind::kHalf},
                                  {prefix + "norm.bias", {width}, TensorKind::kHalf},
                                  {prefix + "film.weight", {2 * width, shape.frame_dims}, TensorKind::kInt4Rows},
                                  {prefix + "film.bias", {2 * width}, TensorKind::kHalf},
                              });
  }
  specs.push_back({"head.weight", {3, width, 3, 3}, TensorKind::kInt4Rows});
  specs.push_back({"head.bias", {3}, TensorKind::kHalf});
  return specs;
}

}  // namespace kitsink::strict
