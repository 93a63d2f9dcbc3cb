// Lists the tensors of a JointFrameGenerator, block by block in the order of its modules.

#include <initializer_list>
#include <utility>

#include "codecs/search/generator_weights.h"
#include "codecs/search/tensor_classes.h"

namespace kitsink::search {
namespace {

class TensorList {
 public:
  void Add(const std::string& name, std::initializer_list<uint32_t> shape, TensorKind kind, TensorClass tensor_class) {
    specs_.push_back({name, shape, kind, tensor_class});
  }
  // Depthwise 3x3 without bias, then pointwise with bias.
  void Separable(const std::string& name, uint32_t in, uint32_t out) {
    Add(name + ".dw.weight", {in, 1, 3, 3}, TensorKind::kFp4, kDepthwise);
    Add(name + ".pw.weight", {out, in, 1, 1}, TensorKind::kFp4, kPointwise);
    Add(name + ".pw.bias", {out}, TensorKind::kHalf, kPlainBias);
  }
  void Norm(const std::string& name, uint32_t channels) {
    Add(name + ".weight", {channels}, TensorKind::kDense, kNormWeight);
    Add(name + ".bias", {channels}, TensorKind::kDense, kNormBias);
  }
  void Linear(const std::string& name, uint32_t in, uint32_t out, TensorClass tensor_class) {
    Add(name + ".weight", {out, in}, TensorKind::kDense, tensor_class);
    Add(name + ".bias", {out}, TensorKind::kDense, tensor_class);
  }
  void NormedSeparable(const std::string& name, uint32_t in, uint32_t out) {
    Separable(name, in, out);
    Norm(name + ".norm", out);
  }
  void Residual(const std::string& name, uint32_t channels) {
    NormedSeparable(name + ".conv1", channels, channels);
    Separable(name + ".conv2", channels, channels);
    Norm(name + ".norm2", channels);
  }
  // The last layers of a head: trunk width -> hidden -> RGB.
  void Output(const std::string& name, uint32_t in, uint32_t hidden) {
    NormedSeparable(name + ".pre", in, hidden);
    Add(name + ".head.weight", {3, hidden, 1, 1}, TensorKind::kHalf, kPlainWeight);
    Add(name + ".head.bias", {3}, TensorKind::kHalf, kPlainBias);
  }
  std::vector<TensorSpec> Take() { return std::move(specs_); }

 private:
  std::vector<TensorSpec> specs_;
};

}  // namespace

std::vector<TensorSpec> GeneratorTensors(const GeneratorShape& shape) {
  TensorList list;
  list.Add("shared_trunk.embedding.weight", {shape.num_classes, shape.embedding}, TensorKind::kHalf, kPlainWeight);
  list.NormedSeparable("shared_trunk.stem_conv", shape.embedding + 2, shape.trunk);  // two coordinate planes
  list.Residual("shared_trunk.stem_block", shape.trunk);
  list.NormedSeparable("shared_trunk.down_conv", shape.trunk, shape.down);
  list.Residual("shared_trunk.down_block", shape.down);
  list.NormedSeparable("shared_trunk.up.1", shape.down, shape.trunk);
  list.NormedSeparable("shared_trunk.fuse", 2 * shape.trunk, shape.trunk);
  list.Residual("shared_trunk.fuse_block", shape.trunk);
  list.Linear("pose_mlp.0", shape.pose, shape.condition, kPoseMlp);
  list.Linear("pose_mlp.2", shape.condition, shape.condition, kPoseMlp);
  list.Residual("frame1_head.block1", shape.trunk);
  list.Linear("frame1_head.block1.film_proj", shape.condition, 2 * shape.trunk, kFilm);
  list.Residual("frame1_head.block2", shape.trunk);
  list.Output("frame1_head", shape.trunk, shape.head);
  list.Residual("frame2_head.block1", shape.trunk);
  list.Residual("frame2_head.block2", shape.trunk);
  list.Output("frame2_head", shape.trunk, shape.head);
  return list.Take();
}

}  // namespace kitsink::search
