#include "train_standin/loop.h"

#include <cmath>
#include <cstdio>
#include <numbers>

#include "kitsink/tensors.h"
#include "nets/module_tensors.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;

constexpr double kWarmUp = 0.05;  // of the steps
constexpr double kLongestGradient = 2.0;
constexpr int64_t kCheckpointSteps = 100;

torch::optim::AdamW MakeOptimizer(torch::nn::Module& net, const TrainOptions& options) {
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

void SaveCheckpoint(const std::filesystem::path& path, torch::nn::Module& net, torch::optim::Optimizer& optimizer,
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

int64_t LoadCheckpoint(const std::filesystem::path& path, torch::nn::Module& net, torch::optim::Optimizer& optimizer) {
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

}  // namespace

Status LoadInitial(FrozenNet& net, const TrainOptions& options) {
  if (options.initial.empty()) return Ok();
  KIT_ASSIGN(const LoadedTensors loaded, LoadTensorFile(options.initial));
  return LoadTensors(loaded.file, net);
}

Status Train(torch::nn::Module& net, const TrainOptions& options, const std::function<Tensor(int64_t)>& loss_of,
             Progress& progress) {
  torch::optim::AdamW optimizer = MakeOptimizer(net, options);
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
  return Ok();
}

}  // namespace kitsink::standin
