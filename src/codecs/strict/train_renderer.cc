// Trains the renderer of f1 against SegNet.

#include "codecs/strict/train_renderer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "codecs/strict/network_torch.h"
#include "codecs/strict/render.h"
#include "codecs/strict/seg_loss.h"
#include "nets/nets_torch.h"
#include "train/margins.h"
#include "train/random.h"
#include "train/train.h"

namespace kitsink::strict {

namespace {

using torch::Tensor;

// Muon trains the matrices that mix channels. Depthwise taps, embeddings and the head are no such matrices.
bool IsMatrix(const TensorSpec& spec) {
  return spec.name == "coord_mix.weight" || spec.name.ends_with("pw.weight") || spec.name.ends_with("film.weight");
}

class RendererTrainer {
 public:
  // `values` are trained in place. The other arguments must outlive the trainer.
  RendererTrainer(const Scene& scene, const MaskClip& targets, std::vector<Tensor> values, Nets::Modules& modules,
                  const RendererTraining& training, int64_t num_processes, int threads)
      : scene_(scene),
        targets_(targets),
        values_(std::move(values)),
        modules_(modules),
        training_(training),
        threads_(threads),
        device_(TorchDevice(modules.device)),
        batch_(std::min<int64_t>(training.batch, scene.mask.count)),
        micro_batches_(device_.is_cuda() ? std::min(batch_, num_processes) : batch_),
        order_(scene.mask.count, static_cast<size_t>(batch_), training.seed) {
    const std::vector<TensorSpec> specs = RendererTensors(scene.renderer.shape);
    for (size_t i = 0; i < specs.size(); ++i) (IsMatrix(specs[i]) ? matrices_ : others_).push_back(i);
  }

  double SecondsOfAStep() {
    Loss(0, 0).backward();  // LibTorch prepares its kernels
    const Stopwatch watch;
    for (int64_t micro = 0; micro < micro_batches_; ++micro) Loss(0, micro).backward();
    return watch.seconds();
  }

  Result<Renderer> Train(const Checkpoint& checkpoint, Progress& progress) {
    TrainOptions options;
    options.stage = training_.name;
    options.steps = training_.steps;
    options.micro_batches = micro_batches_;
    options.schedule.peak = training_.learning_rate;
    options.schedule.floor = 0.01;
    options.schedule.warm_up = 0.02;
    options.optimiser = training_.optimiser == RendererOptimiser::kMuon ? OptimiserKind::kMuon : OptimiserKind::kAdamW;
    options.beta2 = 0.99;
    options.clip_norm = 1;  // else the cross-entropy of cold logits throws the weights about
    options.ema_decay = training_.ema_decay;
    options.evaluate_every = std::max<int64_t>(1, options.steps / 10);
    options.evaluate_from = options.steps * 6 / 10;
    TrainHooks hooks;
    hooks.loss = [this](int64_t step, int64_t micro) { return Loss(step, micro); };
    hooks.evaluate = [this](const std::vector<Tensor>& trained) { return CountErrors(InOrder(trained)); };
    KIT_ASSIGN(const TrainResult trained, kitsink::Train(Groups(), options, hooks, checkpoint, progress));
    return QuantiseRenderer(scene_.renderer.shape, scene_.renderer.preimage, InOrder(trained.best));
  }

 private:
  Trainable Groups() const {
    Trainable trainable;
    for (const auto* indices : {&matrices_, &others_}) {
      ParameterGroup group;
      for (const size_t i : *indices) group.tensors.push_back(values_[i]);
      group.matrices = indices == &matrices_;
      trainable.groups.push_back(std::move(group));
    }
    return trainable;
  }

  // Values in the order of Groups(), in stream order.
  std::vector<Tensor> InOrder(std::span<const Tensor> trained) const {
    std::vector<Tensor> values(trained.size());
    size_t next = 0;
    for (const auto* indices : {&matrices_, &others_}) {
      for (const size_t i : *indices) values[i] = trained[next++];
    }
    return values;
  }

  // The mean loss of a micro-batch, with gradients.
  Tensor Loss(int64_t step, int64_t micro) {
    const RendererShape& shape = scene_.renderer.shape;
    const double u = static_cast<double>(step) / static_cast<double>(training_.steps);
    const std::span<const int64_t> pairs = PartOfBatch(order_.BatchOf(step), micro, micro_batches_);
    const std::vector<Tensor> values = u < training_.quantise_from ? values_ : Quantised(shape, values_);
    const Tensor picture =
        RenderPicture(shape, values, MapsToTensor(scene_.mask, pairs, device_),
                      torch::tensor(torch::ArrayRef<int64_t>(pairs.data(), pairs.size())).to(device_));
    const Tensor logits = SegLogits(modules_, ReadPicture(picture, scene_.renderer.preimage, scene_.frame_size));
    return 100 * SegLoss(training_, logits, MapsToTensor(targets_, pairs, device_), u);
  }

  // The share of wrong classes.
  Result<double> CountErrors(std::span<const Tensor> values) const {
    Scene scene = scene_;
    KIT_ASSIGN(scene.renderer, QuantiseRenderer(scene_.renderer.shape, scene_.renderer.preimage, values));
    KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
    const size_t count = scene.mask.count, shown = std::min<size_t>(count, 64);
    double wrong = 0;
    for (size_t i = 0; i < shown; ++i) {
      const size_t pair = i * count / shown;
      const Frame f1 = renderer->RenderF1(scene.mask.map(pair), pair, threads_);
      const Frame* const frames[] = {&f1};
      const Tensor logits = SegLogits(modules_, ResizeToModelGrid(FramesToTensor(frames, device_)));
      const int64_t indices[] = {static_cast<int64_t>(pair)};
      wrong += logits.argmax(1).ne(MapsToTensor(targets_, indices, device_)).sum().item<double>();
    }
    const double share = wrong / static_cast<double>(shown * targets_.map_bytes());
    Log(LogLevel::kInfo, training_.name + ": share of wrong classes " + std::to_string(share));
    return share;
  }

  const Scene& scene_;
  const MaskClip& targets_;
  std::vector<Tensor> values_;
  Nets::Modules& modules_;
  const RendererTraining& training_;
  int threads_;
  torch::Device device_;
  int64_t batch_, micro_batches_;
  PairOrder order_;
  std::vector<size_t> matrices_, others_;  // indices of values_
};

}  // namespace

Tensor SegLoss(const RendererTraining& training, const Tensor& logits, const Tensor& target, double u) {
  constexpr double kLastTemperature = 0.08, kHingeTau = 0.2, kFirstTau = 0.15, kLastTau = 0.05;
  if (u < training.cross_entropy_until) {
    const double temperature = std::pow(kLastTemperature, u / training.cross_entropy_until);
    return torch::nll_loss2d(torch::log_softmax(logits / temperature, 1), target);
  }
  const Tensor margin = Margins(logits, target);
  if (u < training.hinge_until) return kHingeTau * torch::softplus(-margin / kHingeTau).mean();
  const double v = (u - training.hinge_until) / (1 - training.hinge_until);
  return torch::sigmoid(-margin / (kFirstTau + v * (kLastTau - kFirstTau))).mean();
}

Tensor ReadPicture(const Tensor& picture, bool preimage, FrameSize frame_size) {
  if (preimage) return picture;
  return ResizeToModelGrid(RoundSte(UpsampleToFrame(picture, frame_size)));
}

Result<Renderer> TrainRenderer(const Scene& scene, const MaskClip& classes, const ClassColours& colours, Nets& nets,
                               const RendererTraining& training, int threads, const Checkpoint& checkpoint,
                               Progress& progress) {
  return Guarded("renderer", [&]() -> Result<Renderer> {
    KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
    const torch::Device device = TorchDevice(nets.device());
    const std::vector<Tensor> values = scene.renderer.tensors.empty()
                                           ? StartValues(scene.renderer.shape, colours, training.seed, device)
                                           : ValuesOf(scene.renderer, device);
    RendererTraining planned = training;
    const int64_t processes = checkpoint.crew == nullptr ? 1 : static_cast<int64_t>(checkpoint.crew->shard().count);
    RendererTrainer trainer(scene, classes, values, *modules, planned, processes, threads);
    if (training.plan) {
      KIT_ASSIGN(planned.steps, training.plan(trainer.SecondsOfAStep()));
    }
    return trainer.Train(checkpoint, progress);
  });
}

}  // namespace kitsink::strict
