// Trains the restoration filter with LibTorch.

#include "codecs/video/train_filter.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "codecs/video/filter.h"
#include "kitsink/contest.h"
#include "nets/nets_torch.h"
#include "train/margins.h"
#include "train/random.h"
#include "train/straight_through.h"
#include "train/train.h"

namespace kitsink::video {
namespace {

using torch::Tensor;

// Values in the order of FilterTensors(width), as leaves: those of the filter to start from, else random ones with a
// last layer of 0, so that the filter changes nothing.
std::vector<Tensor> StartValues(const FilterTraining& training, torch::Device device) {
  SeededRandom random(training.seed ^ 0x66696c746572U);
  const std::vector<TensorSpec> specs = FilterTensors(training.width);
  std::vector<Tensor> values;
  for (size_t i = 0; i < specs.size(); ++i) {
    const TensorSpec& spec = specs[i];
    std::vector<float> start(spec.num_values(), 0.0F);
    if (training.start.has_value()) {
      start = DequantizeTensor(spec, training.start->tensors[i]);
    } else if (spec.shape.size() > 1 && !spec.name.starts_with("conv3")) {
      const float bound = std::sqrt(6.0F / (9 * static_cast<float>(spec.shape[1])));
      for (float& value : start) value = bound * random.Signed();
    }
    const std::vector<int64_t> sizes(spec.shape.begin(), spec.shape.end());
    values.push_back(torch::tensor(start).view(sizes).to(device).requires_grad_(true));
  }
  return values;
}

std::vector<Tensor> Quantised(std::span<const TensorSpec> specs, std::span<const Tensor> values) {
  std::vector<Tensor> quantised;
  for (size_t i = 0; i < specs.size(); ++i) {
    const auto quantise = [&spec = specs[i]](std::span<const float> value) -> Result<std::vector<float>> {
      KIT_ASSIGN(const QuantizedTensor tensor, QuantizeMixedTensor(spec, value));
      return DequantizeTensor(spec, tensor);
    };
    quantised.push_back(FakeQuantize(values[i], quantise));
  }
  return quantised;
}

Result<Filter> QuantiseFilter(uint32_t width, std::span<const Tensor> values) {
  Filter filter{width, {}};
  const std::vector<TensorSpec> specs = FilterTensors(width);
  for (size_t i = 0; i < specs.size(); ++i) {
    const Tensor flat = values[i].detach().to(torch::kCPU).contiguous();
    KIT_ASSIGN(QuantizedTensor tensor,
               QuantizeMixedTensor(specs[i], {flat.data_ptr<float>(), static_cast<size_t>(flat.numel())}));
    filter.tensors.push_back(std::move(tensor));
  }
  return filter;
}

// Pictures [N, 3, H, W] as the filter leaves them.
Tensor Filtered(std::span<const Tensor> values, const Tensor& pictures) {
  Tensor x = (pictures - kMiddle) / kUnit;
  x = torch::relu(torch::conv2d(x, values[0], values[1], 1, 1));
  x = torch::relu(torch::conv2d(x, values[2], values[3], 1, 1));
  x = torch::conv2d(x, values[4], values[5], 1, 1);
  return (pictures + kUnit * x).clamp(0, 255);
}

class FilterTrainer {
 public:
  FilterTrainer(const FilterTraining& training, const FilterData& data, Nets::Modules& modules)
      : training_(training),
        data_(data),
        modules_(modules),
        device_(TorchDevice(modules.device)),
        specs_(FilterTensors(training.width)),
        values_(StartValues(training, device_)),
        order_(data.targets.size(), 1, training.seed) {}

  Result<Filter> Train(const Checkpoint& checkpoint, Progress& progress) {
    TrainOptions options;
    options.stage = "filter";
    options.steps = training_.steps;
    options.schedule.peak = training_.learning_rate;
    options.schedule.floor = 0.02;
    options.schedule.warm_up = 0.05;
    options.beta2 = 0.99;
    options.clip_norm = 1;
    options.ema_decay = 0.99;
    options.evaluate_every = std::max<int64_t>(1, options.steps / 5);
    options.evaluate_from = options.steps * 6 / 10;
    TrainHooks hooks;
    hooks.loss = [this](int64_t step, int64_t) { return Loss(step); };
    hooks.evaluate = [this](const std::vector<Tensor>& values) -> Result<double> {
      KIT_ASSIGN(const Filter filter, QuantiseFilter(training_.width, values));
      KIT_ASSIGN(const double terms, data_.measure(filter));
      Log(LogLevel::kInfo, "filter: distortion terms " + std::to_string(terms));
      return terms;
    };
    Trainable trainable;
    trainable.groups.push_back({values_});
    KIT_ASSIGN(const TrainResult trained, kitsink::Train(trainable, options, hooks, checkpoint, progress));
    return QuantiseFilter(training_.width, trained.best);
  }

 private:
  Tensor Loss(int64_t step) {
    const double u = static_cast<double>(step) / static_cast<double>(training_.steps);
    const auto pair = static_cast<size_t>(order_.BatchOf(step)[0]);
    const FramePair pictures = data_.pictures(pair);
    const Observation& target = data_.targets[pair];
    const Frame* const frames[] = {&pictures.f0, &pictures.f1};
    const std::vector<Tensor> values = u < training_.quantise_from ? values_ : Quantised(specs_, values_);
    const Tensor filtered = Filtered(values, FramesToTensor(frames, device_));
    const Tensor f0 = filtered.slice(0, 0, 1), f1 = filtered.slice(0, 1, 2);
    const Tensor poses = torch::tensor(std::vector<float>(target.pose.begin(), target.pose.end()), device_);
    const Tensor pose = (PoseOutputs(modules_, f0, f1) - poses).square().mean();
    return 100 * SegError(SegLogits(modules_, f1), target, u) + PoseTermSlope(training_.pose) * pose;
  }

  // Softplus of the margin at first, then the expected share of wrong classes.
  Tensor SegError(const Tensor& logits, const Observation& target, double u) const {
    constexpr double kTau = 0.3, kLastTau = 0.1, kHingeUntil = 0.4;
    const Tensor classes = torch::from_blob(const_cast<uint8_t*>(target.class_map.data()),
                                            {1, kModelGrid.height, kModelGrid.width}, torch::kUInt8)
                               .to(device_, torch::kInt64);
    const Tensor margin = Margins(logits, classes);
    if (u < kHingeUntil) return kTau * torch::softplus(-margin / kTau).mean();
    const double v = (u - kHingeUntil) / (1 - kHingeUntil);
    return torch::sigmoid(-margin / (kTau + v * (kLastTau - kTau))).mean();
  }

  const FilterTraining& training_;
  const FilterData& data_;
  Nets::Modules& modules_;
  torch::Device device_;
  std::vector<TensorSpec> specs_;
  std::vector<Tensor> values_;
  PairOrder order_;
};

}  // namespace

Result<Filter> TrainFilter(const FilterTraining& training, const FilterData& data, Nets& nets,
                           const Checkpoint& checkpoint, Progress& progress) {
  return Guarded("filter", [&]() -> Result<Filter> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    return FilterTrainer(training, data, *modules).Train(checkpoint, progress);
  });
}

}  // namespace kitsink::video
