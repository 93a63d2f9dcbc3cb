#include "train_standin/trainer.h"

#include <cmath>
#include <cstdio>
#include <numbers>

#include "kitsink/file.h"
#include "nets/module_tensors.h"
#include "nets/safetensors.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;

constexpr double kWarmUp = 0.05;        // of the steps
constexpr double kWholePictures = 0.8;  // of the steps: from here on SegNet sees no crops
constexpr int64_t kCropHeight = 192, kCropWidth = 256, kCropsInAPicture = 4;
constexpr double kLongestGradient = 2.0;
constexpr int64_t kCheckpointSteps = 100;
// Marks are a hundredth of the cells, and other cars few: they count more.
constexpr float kClassWeights[] = {1.0F, 2.5F, 1.0F, 1.6F, 1.0F};

torch::optim::AdamW MakeOptimizer(FrozenNet& net, const TrainOptions& options) {
  std::vector<Tensor> kernels, rest;  // only kernels decay
  for (const Tensor& p : net.parameters()) (p.dim() >= 2 && p.numel() > p.size(0) ? kernels : rest).push_back(p);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(kernels, std::make_unique<torch::optim::AdamWOptions>(
                                   torch::optim::AdamWOptions(options.rate).weight_decay(options.decay)));
  groups.emplace_back(
      rest, std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(options.rate).weight_decay(0)));
  return torch::optim::AdamW(groups, torch::optim::AdamWOptions(options.rate));
}

double RateAt(const TrainOptions& options, int64_t step) {
  const double done = static_cast<double>(step) / static_cast<double>(options.steps);
  if (done < kWarmUp) return options.rate * (0.02 + done / kWarmUp);
  const double angle = std::numbers::pi * (done - kWarmUp) / (1 - kWarmUp);
  return options.rate * (0.01 + 0.99 * 0.5 * (1 + std::cos(angle)));
}

void SaveCheckpoint(const std::filesystem::path& path, FrozenNet& net, torch::optim::Optimizer& optimizer,
                    int64_t step) {
  torch::serialize::OutputArchive archive, weights, state;
  net.save(weights);
  optimizer.save(state);
  archive.write("net", weights);
  archive.write("optimizer", state);
  archive.write("step", torch::tensor(step));
  const std::filesystem::path temporary = path.string() + ".part";
  archive.save_to(temporary.string());
  std::filesystem::rename(temporary, path);
}

int64_t LoadCheckpoint(const std::filesystem::path& path, FrozenNet& net, torch::optim::Optimizer& optimizer) {
  torch::serialize::InputArchive archive, weights, state;
  archive.load_from(path.string());
  archive.read("net", weights);
  archive.read("optimizer", state);
  net.load(weights);
  optimizer.load(state);
  Tensor step;
  archive.read("step", step);
  return step.item<int64_t>();
}

Status LoadInitial(FrozenNet& net, const TrainOptions& options) {
  if (options.initial.empty()) return Ok();
  KIT_ASSIGN(const TensorFile file, TensorFile::Load(options.initial));
  return LoadTensors(file, net);
}

// Between normalised poses, which the net learns, and those it gives: y = spread * x + mean in its last layer.
void ScaleOutputs(FrozenNet& net, const Tensor& spread, const Tensor& mean) {
  const torch::NoGradGuard no_grad;
  auto parameters = net.named_parameters();
  Tensor weight = parameters["hydra.final_layer.pose.weight"].slice(0, 0, 6);
  Tensor bias = parameters["hydra.final_layer.pose.bias"].slice(0, 0, 6);
  weight.mul_(spread.unsqueeze(1).to(weight.device()));
  bias.mul_(spread.to(bias.device())).add_(mean.to(bias.device()));
}

// Two thirds of the first layer's channels begin as detectors of motion: plus or minus a gradient of the mean of both
// frames, plus or minus their difference. Where the picture moves along the gradient the sum of the two is larger than
// their difference, so that rectified and averaged channels already follow the motion. From random filters the
// regression learned nothing in the first 250 steps.
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
    const double reach = (channel & 8) != 0 ? 1 : 4;  // how strongly a difference counts: for fast or slow motion
    for (int64_t tap = 0; tap < 36; ++tap) {          // three by three cells, each of four lumas
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
  // The next layer averages.
  for (const char* name : {"vision.stem.1.conv_kxk.0.conv.weight", "vision.stem.1.conv_scale.conv.weight"}) {
    parameters[name].abs_();
  }
}

// The first linear layer begins by whitening the pooled features. Motion is a small part of what varies in them; the
// norms that follow have one scale for all features and would leave it small.
void WhitenFeatures(FrozenNet& net, const Scenes& scenes, const PoseScale& scale, double turns, torch::Device device) {
  const torch::NoGradGuard no_grad;
  constexpr int64_t kBatches = 40, kBatch = 16;
  constexpr double kFloor = 1e-3;  // of the mean variance
  net.train();
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < kBatches; ++i) {
    const PoseBatch batch = DrawPoseBatch(scenes, scale, turns, kBatch);
    rows.push_back(PooledFeatures(net, PoseInput(batch.f0.to(device), batch.f1.to(device))).cpu());
  }
  const Tensor all = torch::cat(rows).to(torch::kFloat64), mean = all.mean(0);
  const Tensor covariance = (all - mean).t().matmul(all - mean) / static_cast<double>(all.size(0));
  const auto [variance, axes] = torch::linalg_eigh(covariance);
  const Tensor whiten = (axes / torch::sqrt(variance + kFloor * variance.mean())).t();
  auto parameters = net.named_parameters();
  Tensor weight = parameters["vision.head.fc.weight"], bias = parameters["vision.head.fc.bias"];
  weight.copy_(whiten.slice(0, whiten.size(0) - weight.size(0)));  // the widest axes come last
  bias.copy_(-weight.matmul(mean.to(weight.options())));
}

// `loss_of` draws a batch for a step and gives its loss.
Status Train(FrozenNet& net, const TrainOptions& options, const std::function<Tensor(int64_t)>& loss_of,
             Progress& progress) {
  torch::optim::AdamW optimizer = MakeOptimizer(net, options);
  net.train();
  for (Tensor& parameter : net.parameters()) parameter.set_requires_grad(true);
  int64_t step = 0;
  if (std::filesystem::exists(options.checkpoint)) step = LoadCheckpoint(options.checkpoint, net, optimizer);
  progress.Begin("train", static_cast<uint64_t>(options.steps), "steps");
  double smooth = 0, weight = 0;
  for (; step < options.steps; ++step) {
    for (auto& group : optimizer.param_groups()) {
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(RateAt(options, step));
    }
    torch::manual_seed((options.seed << 32) + static_cast<uint64_t>(step));
    const Tensor loss = loss_of(step);
    optimizer.zero_grad();
    loss.backward();
    torch::nn::utils::clip_grad_norm_(net.parameters(), kLongestGradient);
    optimizer.step();
    smooth = 0.98 * smooth + 0.02 * loss.item<double>();
    weight = 0.98 * weight + 0.02;
    const bool stop = progress.stop_requested();
    if ((step + 1) % kCheckpointSteps == 0 || step + 1 == options.steps || stop) {
      SaveCheckpoint(options.checkpoint, net, optimizer, step + 1);
    }
    char note[32];
    std::snprintf(note, sizeof note, "loss %.4f", smooth / weight);
    progress.Update(static_cast<uint64_t>(step + 1), note);
    if (stop) return Error{Code::kIo, "interrupted"};
  }
  progress.End();
  Freeze(net);
  return Ok();
}

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
  shape.widths = {24, 48, 96, 96};
  shape.blocks = {2, 2, 2, 1};
  shape.final_width = 192;
  shape.squeeze = 16;
  shape.features = 192;
  shape.summary = 64;
  shape.hidden = 32;
  return shape;
}

Status TrainSegNet(FrozenNet& net, const Scenes& scenes, const TrainOptions& options, Progress& progress) {
  const torch::Device device = net.parameters()[0].device();
  KIT_TRY(LoadInitial(net, options));
  const auto classes = torch::nn::functional::CrossEntropyFuncOptions().weight(
      torch::tensor(at::ArrayRef<float>(kClassWeights)).to(device));
  const auto whole_from = static_cast<int64_t>(kWholePictures * static_cast<double>(options.steps));
  return Train(
      net, options,
      [&](int64_t step) {
        const SegBatch batch = step < whole_from
                                   ? DrawSegBatch(scenes, options.batch, kCropHeight, kCropWidth)
                                   : DrawSegBatch(scenes, std::max<int64_t>(options.batch / kCropsInAPicture, 1),
                                                  kModelGrid.height, kModelGrid.width);
        return torch::nn::functional::cross_entropy(net.Forward(batch.pictures.to(device)), batch.maps.to(device),
                                                    classes);
      },
      progress);
}

Status TrainPoseNet(FrozenNet& net, const Scenes& scenes, const TrainOptions& options, Progress& progress) {
  const PoseScale scale = MeasurePoses(scenes);
  const torch::Device device = net.parameters()[0].device();
  KIT_TRY(LoadInitial(net, options));
  if (options.initial.empty()) {
    BeginWithMotion(net);
    if (!std::filesystem::exists(options.checkpoint)) WhitenFeatures(net, scenes, scale, options.turns, device);
  } else {
    ScaleOutputs(net, 1 / scale.spread, -scale.mean / scale.spread);
  }
  KIT_TRY(Train(
      net, options,
      [&](int64_t) {
        const PoseBatch batch = DrawPoseBatch(scenes, scale, options.turns, options.batch);
        const Tensor wanted = (batch.poses - scale.mean) / scale.spread;
        const Tensor got = net.Forward(PoseInput(batch.f0.to(device), batch.f1.to(device))).slice(1, 0, 6);
        return torch::nn::functional::smooth_l1_loss(got, wanted.to(device));
      },
      progress));
  ScaleOutputs(net, scale.spread, scale.mean);
  return Ok();
}

Status SaveNet(const std::filesystem::path& path, const FrozenNet& net) {
  std::vector<NamedTensor> tensors;
  const auto add = [&tensors](const std::string& name, const Tensor& tensor) {
    if (name.ends_with("num_batches_tracked")) return;
    const Tensor values = tensor.detach().cpu().contiguous();
    const float* begin = values.data_ptr<float>();
    tensors.push_back(NamedTensor{name, tensor.sizes().vec(), {begin, begin + tensor.numel()}});
  };
  for (const auto& item : net.named_parameters()) add(item.key(), item.value());
  for (const auto& item : net.named_buffers()) add(item.key(), item.value());
  return WriteFile(path, WriteTensors(std::move(tensors)), Overwrite::kAllow);
}

}  // namespace kitsink::standin
