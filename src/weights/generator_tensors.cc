// The tensors of a JointFrameGenerator, block by block as its modules are defined.

#include <initializer_list>
#include <utility>

#include "kitsink/weights.h"

namespace kitsink {
namespace {

class TensorList {
 public:
  void Add(const std::string& name, std::initializer_list<uint32_t> shape, TensorKind kind) {
    specs_.push_back({name, shape, kind});
  }
  // Depthwise 3x3 without bias, then pointwise with bias.
  void Separable(const std::string& name, uint32_t in, uint32_t out) {
    Add(name + ".dw.weight", {in, 1, 3, 3}, TensorKind::kFp4);
    Add(name + ".pw.weight", {out, in, 1, 1}, TensorKind::kFp4);
    Add(name + ".pw.bias", {out}, TensorKind::kHalf);
  }
  void Norm(const std::string& name, uint32_t channels) {
    Add(name + ".weight", {channels}, TensorKind::kDense);
    Add(name + ".bias", {channels}, TensorKind::kDense);
  }
  void Linear(const std::string& name, uint32_t in, uint32_t out) {
    Add(name + ".weight", {out, in}, TensorKind::kDense);
    Add(name + ".bias", {out}, TensorKind::kDense);
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
    Add(name + ".head.weight", {3, hidden, 1, 1}, TensorKind::kHalf);
    Add(name + ".head.bias", {3}, TensorKind::kHalf);
  }
  std::vector<TensorSpec> Take() { return std::move(specs_); }

 private:
  std::vector<TensorSpec> specs_;
};

}  // namespace

size_t TensorSpec::num_values() const {
  size_t count = 1;
  for (const uint32_t extent : shape) count *= extent;
  return count;
}

std::vector<TensorSpec> GeneratorTensors(const GeneratorShape& shape) {
  TensorList list;
  list.Add("shared_trunk.embedding.weight", {shape.num_classes, shape.embedding}, TensorKind::kHalf);
  list.NormedSeparable("shared_trunk.stem_conv", shape.embedding + 2, shape.trunk);  // two coordinate planes
  list.Residual("shared_trunk.stem_block", shape.trunk);
  list.NormedSeparable("shared_trunk.down_conv", shape.trunk, shape.down);
  list.Residual("shared_trunk.down_block", shape.down);
  list.NormedSeparable("shared_trunk.up.1", shape.down, shape.trunk);
  list.NormedSeparable("shared_trunk.fuse", 2 * shape.trunk, shape.trunk);
  list.Residual("shared_trunk.fuse_block", shape.trunk);
  list.Linear("pose_mlp.0", shape.pose, shape.condition);
  list.Linear("pose_mlp.2", shape.condition, shape.condition);
  list.Residual("frame1_head.block1", shape.trunk);
  list.Linear("frame1_head.block1.film_proj", shape.condition, 2 * shape.trunk);
  list.Residual("frame1_head.block2", shape.trunk);
  list.Output("frame1_head", shape.trunk, shape.head);
  list.Residual("frame2_head.block1", shape.trunk);
  list.Residual("frame2_head.block2", shape.trunk);
  list.Output("frame2_head", shape.trunk, shape.head);
  return list.Take();
}

}  // namespace kitsink
