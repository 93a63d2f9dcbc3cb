// Trains the stand-in PoseNet. The six numbers of a pose are little to learn from. Therefore an extra layer on each
// stage learns the flow of each cell; these layers are not written to the file.

#include <cmath>
#include <numbers>

#include "nets/module_tensors.h"
#include "train_standin/loop.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;
namespace F = torch::nn::functional;

// Weights of the six motions in the loss. Speed counts most, because the turns that training adds outweigh it. The
// motions to the right and down count little, because they are nearly zero.
constexpr float kPoseWeights[] = {8.0F, 0.2F, 0.2F, 1.0F, 1.0F, 1.0F};
constexpr double kGuideShare = 0.5, kLastGuideShare = 0.05;  // of the flow's loss, in the first and the last step
constexpr int64_t kCalibration = 12;                         // batches
constexpr int64_t kHeadBatch = 64, kHeadRounds = 60;
constexpr double kHeadRate = 1e-3;
constexpr size_t kWideStages = 2;  // the first stages, which learn the flow but not its moments

// Changes the last layer so that its outputs x become spread * x + mean. The net learns normalised poses and gives
// poses in their units.
void ScaleOutputs(FrozenNet& net, const Tensor& spread, const Tensor& mean) {
  const torch::NoGradGuard no_grad;
  auto parameters = net.named_parameters();
  Tensor weight = parameters["hydra.final_layer.pose.weight"].slice(0, 0, 6);
  Tensor bias = parameters["hydra.final_layer.pose.bias"].slice(0, 0, 6);
  weight.mul_(spread.unsqueeze(1).to(weight.device()));
  bias.mul_(spread.to(bias.device())).add_(mean.to(bias.device()));
}

// Makes half of the first layer's channels detectors of motion. A detector adds a gradient of the mean of both frames
// to their difference, each with a sign of its own. Where the picture moves along the gradient, the sum is larger than
// the sum with the opposite sign. Thus rectified and averaged channels follow the motion from the start. From random
// filters the regression learned nothing in the first 250 steps.
void BeginWithMotion(FrozenNet& net) {
  const torch::NoGradGuard no_grad;
  auto parameters = net.named_parameters();
  Tensor kernel = parameters["vision.stem.0.conv_kxk.0.conv.weight"];  // [width, 12, 3, 3]
  constexpr double kVariance = 1.7;                                    // of the Gaussian in which both are measured
  constexpr int64_t kDetectors = 16;
  kernel.slice(0, 0, kDetectors).zero_();
  for (int64_t channel = 0; channel < kDetectors; ++channel) {
    const double polarity = (channel & 1) != 0 ? 1 : -1, direction = (channel & 2) != 0 ? 1 : -1;
    const bool vertical = (channel & 4) != 0;
    const double reach = (channel & 8) != 0 ? 1 : 4;  // weight of the difference: small for fast motion, large for slow
    for (int64_t tap = 0; tap < 36; ++tap) {          // 3 x 3 cells, each of four lumas
      const int64_t phase = tap % 4, row = tap / 4 / 3, column = tap / 4 % 3;
      const double y = static_cast<double>(2 * row + phase % 2) - 2.5;
      const double x = static_cast<double>(2 * column + phase / 2) - 2.5;
      const double weight = std::exp(-(x * x + y * y) / (2 * kVariance));
      const double gradient = polarity * 0.5 * (vertical ? y : x) * weight, difference = direction * reach * weight;
      kernel[channel][phase][row][column] = gradient - difference;
      kernel[channel][6 + phase][row][column] = gradient + difference;
    }
  }
  parameters["vision.stem.0.conv_scale.bn.weight"].slice(0, 0, kDetectors).zero_();
  // The next layer starts as an average: no weight is negative.
  for (const char* name : {"vision.stem.1.conv_kxk.0.conv.weight", "vision.stem.1.conv_scale.conv.weight"}) {
    parameters[name].abs_();
  }
}

// The extra layers that give the flow, one for each stage. Those of the late stages also give the flow's moments: the
// flow times the place. Their means over the picture determine turns and speed.
struct Guides : torch::nn::Module {
  std::vector<torch::nn::Conv2d> layers;

  explicit Guides(const PoseNetShape& shape) {
    for (size_t stage = 0; stage < shape.widths.size(); ++stage) {
      const int64_t told = stage < kWideStages ? 2 : 6;
      layers.push_back(register_module("stage" + std::to_string(stage),
                                       torch::nn::Conv2d(torch::nn::Conv2dOptions(shape.widths[stage], told, 1))));
    }
  }
};

// What a guide should give on a grid of the stage's size, and the weight of each cell. The first two planes are asinh
// of the flow, which is linear for the small flows of turns and logarithmic for the large flows of speed. With
// `moments` four more planes follow: those two times x, and times y, both -1 .. 1.
std::pair<Tensor, Tensor> GuideTarget(const Tensor& flow, const Tensor& known, bool moments, int64_t height,
                                      int64_t width) {
  constexpr double kFine = 4;  // asinh is nearly linear up to a quarter of a cell
  const std::vector<int64_t> size = {height, width};
  const Tensor weight = torch::adaptive_avg_pool2d(known.to(torch::kFloat32), size);
  Tensor wanted = torch::adaptive_avg_pool2d(torch::asinh(kFine * flow) * known, size) / weight.clamp_min(1e-3);
  if (moments) {
    const auto place = [](int64_t n) { return (torch::arange(n) + 0.5) * (2.0 / static_cast<double>(n)) - 1; };
    wanted = torch::cat({wanted, wanted * place(width).view({1, -1}), wanted * place(height).view({-1, 1})}, 1);
  }
  return {wanted, weight};
}

// The sum over the stages of the mean error of their guides. Moments count only on whole pictures: in a quarter the
// place is unknown.
Tensor GuideLoss(Guides& guides, const PoseTrace& trace, const PoseBatch& batch, bool whole) {
  Tensor sum = torch::zeros({}, trace.pooled.options());
  for (size_t stage = 0; stage < trace.stages.size(); ++stage) {
    const bool moments = whole && stage >= kWideStages;
    const Tensor told = guides.layers[stage]->forward(trace.stages[stage]).slice(1, 0, moments ? 6 : 2);
    const auto [wanted, weight] = GuideTarget(batch.flow, batch.known, moments, told.size(2), told.size(3));
    const auto each = F::SmoothL1LossFuncOptions().reduction(torch::kNone);
    sum = sum + (F::smooth_l1_loss(told, wanted.to(told.device()), each) * weight.to(told.device())).mean();
  }
  return sum;
}

Tensor PoseLoss(const Tensor& got, const Tensor& wanted) {
  const auto each = F::SmoothL1LossFuncOptions().reduction(torch::kNone);
  return (F::smooth_l1_loss(got, wanted, each).mean(0) *
          torch::tensor(at::ArrayRef<float>(kPoseWeights)).to(got.device()))
      .mean();
}

void SetMomentum(FrozenNet& net, c10::optional<double> momentum) {
  for (const auto& child : net.modules()) {
    if (auto* norm = dynamic_cast<torch::nn::BatchNorm2dImpl*>(child.get())) norm->options.momentum(momentum);
    if (auto* norm = dynamic_cast<torch::nn::BatchNorm1dImpl*>(child.get())) norm->options.momentum(momentum);
  }
}

// Makes the first linear layer whiten the pooled features. Motion is a small part of their variance, and the norms that
// follow scale all features alike.
void Calibrate(FrozenNet& net, const PoseTrace& trace) {
  const torch::NoGradGuard no_grad;
  constexpr double kFloor = 1e-3;  // of the mean variance
  const Tensor all = trace.pooled.cpu().to(torch::kFloat64), mean = all.mean(0);
  const Tensor covariance = (all - mean).t().matmul(all - mean) / static_cast<double>(all.size(0));
  const auto [variance, axes] = torch::linalg_eigh(covariance);
  const Tensor whiten = (axes / torch::sqrt(variance + kFloor * variance.mean())).t();
  auto parameters = net.named_parameters();
  Tensor weight = parameters["vision.head.fc.weight"], bias = parameters["vision.head.fc.bias"];
  weight.copy_(whiten.slice(0, whiten.size(0) - weight.size(0)));  // the widest axes come last
  bias.copy_(-weight.matmul(mean.to(weight.options())));
}

// Trains only the layers behind the last stage, on features that are computed once. These layers are cheap, so each
// pair is used many times.
Status TrainHead(FrozenNet& net, const std::function<std::pair<PoseTrace, Tensor>()>& next, const NetOptions& options,
                 Progress& progress) {
  std::vector<Tensor> features, answers;
  progress.Begin("look", static_cast<uint64_t>(options.head_batches), "batches");
  for (int64_t i = 0; i < options.head_batches; ++i) {
    const torch::NoGradGuard no_grad;
    torch::manual_seed((options.seed << 32) + static_cast<uint64_t>(options.steps + i));
    auto [trace, wanted] = next();
    features.push_back(trace.stages.back().contiguous());
    answers.push_back(wanted);
    progress.Update(static_cast<uint64_t>(i + 1), "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted"};
  }
  progress.End();
  const Tensor inputs = torch::cat(features), wanted = torch::cat(answers);
  NetOptions rest = options;
  rest.steps = kHeadRounds * inputs.size(0) / kHeadBatch;
  rest.rate = kHeadRate;
  rest.checkpoint += ".head";
  torch::nn::Module head;
  for (const auto& child : net.named_children()) {
    if (child.key() != "vision") head.register_module(child.key(), child.value());
  }
  const auto vision = net.named_children()["vision"];
  for (const char* name : {"final_conv", "head"}) head.register_module(name, vision->named_children()[name]);
  return TrainModule(
      head, rest,
      [&](int64_t) {
        const Tensor rows = torch::randint(inputs.size(0), {kHeadBatch}).to(inputs.device());
        PoseTrace trace{{inputs.index_select(0, rows)}, {}, {}};
        FinishPoseNet(net, trace);
        return PoseLoss(trace.outputs.slice(1, 0, 6), wanted.index_select(0, rows));
      },
      progress);
}

}  // namespace

Status TrainPoseNet(FrozenNet& net, const Scenes& scenes, const NetOptions& options, Progress& progress) {
  const PoseScale scale = MeasurePoses(scenes);
  const torch::Device device = net.parameters()[0].device();
  const auto draw = [&](int64_t size, bool whole = true) {
    return DrawPoseBatch(scenes, scale, options.turns, size, whole);
  };
  const auto trace = [&](const PoseBatch& batch) {
    const Tensor input = PoseInput(batch.f0.to(device), batch.f1.to(device));
    return TracePoseNet(net, input.contiguous(torch::MemoryFormat::ChannelsLast));  // a sixth faster on a CPU
  };
  const auto normalised = [&](const PoseBatch& batch) {
    return ((batch.poses - scale.mean) / scale.spread).to(device);
  };
  KIT_TRY(LoadInitial(net, options));
  if (!options.initial.empty()) {
    ScaleOutputs(net, 1 / scale.spread, -scale.mean / scale.spread);
  } else if (!std::filesystem::exists(options.checkpoint)) {
    BeginWithMotion(net);
    const torch::NoGradGuard no_grad;
    net.train();
    // In training mode and without a momentum the norms average their statistics over all that they see. The second
    // pass measures those behind the layer that Calibrate changed. From then on the statistics stay.
    SetMomentum(net, c10::nullopt);
    Calibrate(net, trace(draw(kCalibration * options.batch)));
    trace(draw(kCalibration * options.batch));
    SetMomentum(net, 0.1);
  }
  net.eval();
  MergeAlways(net);
  torch::nn::Module both;
  both.register_module("net", std::static_pointer_cast<FrozenNet>(net.shared_from_this()));
  const auto guides = both.register_module("guides", std::make_shared<Guides>(StandInPoseNet()));
  both.to(device);
  KIT_TRY(TrainModule(
      both, options,
      [&](int64_t step) {
        const bool whole = step >= options.crop_steps;
        const PoseBatch batch = draw(options.batch, whole);
        const PoseTrace got = trace(batch);
        if (!whole) return kGuideShare * GuideLoss(*guides, got, batch, whole);
        const double done = static_cast<double>(step) / static_cast<double>(options.steps);
        const double share =
            kLastGuideShare + (kGuideShare - kLastGuideShare) * 0.5 * (1 + std::cos(std::numbers::pi * done));
        return PoseLoss(got.outputs.slice(1, 0, 6), normalised(batch)) + share * GuideLoss(*guides, got, batch, whole);
      },
      progress));
  if (options.head_batches > 0) {
    KIT_TRY(TrainHead(
        net,
        [&] {
          const PoseBatch batch = draw(options.batch);
          return std::pair(trace(batch), normalised(batch));
        },
        options, progress));
  }
  Freeze(net);
  ScaleOutputs(net, scale.spread, scale.mean);
  return Ok();
}

}  // namespace kitsink::standin
