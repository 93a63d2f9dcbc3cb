// Trains the stand-in SegNet, and writes the file of a net.

#include "train_standin/trainer.h"

#include "kitsink/file.h"
#include "kitsink/tensors.h"
#include "nets/module_tensors.h"
#include "train_standin/loop.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;

constexpr double kWholePictures = 0.8;  // share of the steps after which SegNet sees whole pictures, not crops
constexpr int64_t kCropHeight = 192, kCropWidth = 256, kCropsInAPicture = 4;
// In the order of the class ids. Lane marks cover one pixel in a hundred and other cars few more, so they count more.
constexpr float kClassWeights[] = {1.0F, 2.5F, 1.0F, 1.6F, 1.0F};

}  // namespace

SegNetShape StandInSegNet() {
  SegNetShape shape;
  shape.stem = 8;
  shape.widths = {8, 16, 24, 32, 32, 48, 48};
  shape.blocks = {1, 2, 2, 1, 1, 1, 1};
  shape.decoder = {48, 32, 16, 16, 8};
  return shape;
}

PoseNetShape StandInPoseNet() {
  PoseNetShape shape;
  shape.widths = {32, 64, 128, 128};
  shape.blocks = {2, 2, 2, 1};
  shape.final_width = 256;
  shape.squeeze = 16;
  shape.features = 256;
  shape.summary = 64;
  shape.hidden = 32;
  return shape;
}

Status TrainSegNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress) {
  const torch::Device device = net.parameters()[0].device();
  KIT_TRY(LoadInitial(net, options));
  const auto classes = torch::nn::functional::CrossEntropyFuncOptions().weight(
      torch::tensor(at::ArrayRef<float>(kClassWeights)).to(device));
  const auto whole_from = static_cast<int64_t>(kWholePictures * static_cast<double>(options.steps));
  net.train();
  KIT_TRY(TrainModule(
      net, options,
      [&](int64_t step) {
        const SegBatch batch = step < whole_from
                                   ? DrawSegBatch(scenes, options.batch, kCropHeight, kCropWidth)
                                   : DrawSegBatch(scenes, std::max<int64_t>(options.batch / kCropsInAPicture, 1),
                                                  kModelGrid.height, kModelGrid.width);
        return torch::nn::functional::cross_entropy(net.Forward(batch.pictures.to(device)), batch.maps.to(device),
                                                    classes);
      },
      progress));
  Freeze(net);
  return Ok();
}

Status SaveNet(const std::filesystem::path& path, const FrozenNet& net) {
  TensorFile file;
  const auto add = [&file](const std::string& name, const Tensor& tensor) {
    if (name.ends_with("num_batches_tracked")) return;
    const Tensor values = tensor.detach().cpu().contiguous();
    const float* begin = values.data_ptr<float>();
    file.tensors[name] = MakeTensor(tensor.sizes().vec(), std::span(begin, static_cast<size_t>(tensor.numel())));
  };
  for (const auto& item : net.named_parameters()) add(item.key(), item.value());
  for (const auto& item : net.named_buffers()) add(item.key(), item.value());
  return WriteFile(path, WriteTensors(file), Overwrite::kAllow);
}

}  // namespace kitsink::standin
