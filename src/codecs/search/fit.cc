// Fits the generator's weights to one clip.

#include "codecs/search/fit.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "codecs/search/fake_quant.h"
#include "codecs/search/generator.h"
#include "kitsink/score.h"
#include "nets/nets_torch.h"
#include "train/pose_error.h"
#include "train/random.h"
#include "train/straight_through.h"
#include "train/train.h"

namespace kitsink::search {
namespace {

using Tensors = std::vector<torch::Tensor>;

constexpr double kWeightDecay = 0.01;

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The initial value of a tensor, as in PyTorch: uniform within 1 / sqrt(fan in) for matrices and convolutions, 1 for
// norms, 0 for biases, about unit variance for the embedding.
torch::Tensor StartValue(const TensorSpec& spec, SeededRandom& random, torch::Device device) {
  std::vector<int64_t> sizes(spec.shape.begin(), spec.shape.end());
  std::vector<float> values(spec.num_values());
  if (EndsWith(spec.name, ".bias")) {
    std::fill(values.begin(), values.end(), 0.0F);
  } else if (spec.shape.size() == 1) {
    std::fill(values.begin(), values.end(), 1.0F);
  } else {
    float bound = 1.7F;
    if (!EndsWith(spec.name, "embedding.weight")) {
      bound = std::sqrt(static_cast<float>(spec.shape[0]) / static_cast<float>(spec.num_values()));
      // A FiLM layer starts near the identity.
      if (EndsWith(spec.name, "film_proj.weight")) bound *= 0.1F;
    }
    for (float& value : values) value = bound * random.Signed();
  }
  return torch::tensor(values).view(sizes).to(device).requires_grad_(true);
}

class Fitter {
 public:
  Fitter(Nets::Modules& modules, const FitOptions& options, const FitData& data)
      : modules_(modules),
        options_(options),
        data_(data),
        device_(TorchDevice(modules.device)),
        specs_(GeneratorTensors(options.shape)),
        poses_(torch::tensor(DequantizeTrack(data.pose))
                   .view({static_cast<int64_t>(data.pose.num_rows), -1})
                   .to(device_)) {}

  Result<WeightSet> Fit(const FitCheckpoint& checkpoint, Progress& progress) const {
    const Tensors values = Start();
    PairOrder order(num_pairs(), options_.batch_size, options_.seed);
    const TrainOptions loop = LoopOptions();
    TrainHooks hooks;
    hooks.loss = [&](int64_t step, int64_t micro_batch) {
      std::vector<int64_t> pairs = order.BatchOf(step);
      if (loop.micro_batches > 1) pairs = {pairs[static_cast<size_t>(micro_batch)]};
      const int64_t qat_start = static_cast<uint32_t>(options_.qat_from * options_.steps);
      const double hardness =
          qat_start == 0 ? 1.0 : std::min(1.0, 2.0 * static_cast<double>(step) / static_cast<double>(qat_start));
      return Loss(step >= qat_start ? Quantised(values) : values, TakeBatch(pairs, hardness < 1), hardness);
    };
    hooks.evaluate = [this](const Tensors& candidate) -> Result<double> { return Evaluate(candidate); };
    KIT_ASSIGN(const TrainResult trained, Train({{{values, kWeightDecay}}, {}}, loop, hooks, checkpoint, progress));
    WeightSet weights;
    weights.shape = options_.shape;
    for (size_t i = 0; i < specs_.size(); ++i) {
      const torch::Tensor value = trained.best[i].to(torch::kCPU).contiguous();
      const std::span<const float> span(value.data_ptr<float>(), static_cast<size_t>(value.numel()));
      KIT_ASSIGN(QuantizedTensor tensor, QuantizeTensor(specs_[i], span));
      weights.tensors.push_back(std::move(tensor));
    }
    return weights;
  }

 private:
  struct Batch {
    torch::Tensor class_maps, poses;
    torch::Tensor teacher;  // empty where it was not asked for
  };

  size_t num_pairs() const { return data_.mask.count; }

  Batch TakeBatch(const std::vector<int64_t>& indices, bool with_teacher) const {
    Tensors maps, teacher;
    for (const int64_t i : indices) {
      maps.push_back(ClassMapsToTensor(data_.mask, static_cast<size_t>(i), 1, device_));
      if (!with_teacher) continue;
      const Result<std::vector<uint16_t>> logits = data_.teacher(static_cast<size_t>(i));
      TORCH_CHECK(logits.ok(), logits.ok() ? std::string() : logits.error().message);
      teacher.push_back(torch::empty({kNumClasses, kModelGrid.height, kModelGrid.width}, torch::kHalf));
      const size_t size = logits.value().size() * sizeof(uint16_t);
      TORCH_CHECK(size == teacher.back().nbytes(), "teacher's logits: got ", size, " bytes");
      std::memcpy(teacher.back().data_ptr(), logits.value().data(), size);
    }
    return {torch::cat(maps).to(torch::kLong), poses_.index_select(0, torch::tensor(indices).to(device_)),
            with_teacher ? torch::stack(teacher).to(device_).to(torch::kFloat) : torch::Tensor()};
  }

  Tensors Quantised(const Tensors& values) const {
    Tensors quantised;
    for (size_t i = 0; i < specs_.size(); ++i) quantised.push_back(FakeQuantize(specs_[i], values[i]));
    return quantised;
  }

  // The loss of one batch. SegNet and PoseNet run one after the other, each with its gradient with respect to the
  // frames, so that only one net's graph is in memory. In the backward pass, only the generator is left to
  // differentiate: the frames times these gradients.
  torch::Tensor Loss(const Tensors& values, const Batch& batch, double hardness) const {
    const auto [f0, f1] = GeneratorForward(options_.shape, values, batch.class_maps, batch.poses);
    const torch::Tensor small_f0 = ReadBack(f0, data_.frame_size);
    const torch::Tensor small_f1 = ReadBack(f1, data_.frame_size);
    const torch::Tensor read_f0 = small_f0.detach().requires_grad_(true);
    const torch::Tensor read_f1 = small_f1.detach().requires_grad_(true);
    const auto differentiated = [](const torch::Tensor& loss) {
      loss.backward();
      return loss.detach();
    };
    torch::Tensor loss = differentiated(100 * SegLoss(read_f1, batch, hardness));
    loss = loss + differentiated(options_.pose_weight *
                                 BentPoseError(PoseOutputs(modules_, read_f0, read_f1), batch.poses).mean());
    return StraightThrough((small_f0 * read_f0.grad()).sum() + (small_f1 * read_f1.grad()).sum(), loss);
  }

  // Early steps: the divergence from the teacher at temperature 2. Late steps: the cross-entropy, with more weight on
  // wrongly classified pixels.
  torch::Tensor SegLoss(const torch::Tensor& small_f1, const Batch& batch, double hardness) const {
    const torch::Tensor logits = SegLogits(modules_, small_f1);
    const torch::Tensor log_probability = torch::log_softmax(logits, 1);
    const torch::Tensor surprise = -log_probability.gather(1, batch.class_maps.unsqueeze(1)).squeeze(1);
    const torch::Tensor wrong = logits.detach().argmax(1).ne(batch.class_maps).to(torch::kFloat);
    const torch::Tensor hard = (surprise * (1 + options_.error_boost * wrong)).mean() * (0.5 * (0.1 + 0.9 * hardness));
    if (hardness >= 1) return hard;
    const torch::Tensor soft = torch::log_softmax(logits / 2, 1);
    const torch::Tensor teacher = torch::log_softmax(batch.teacher / 2, 1);
    const torch::Tensor divergence = (teacher.exp() * (teacher - soft)).sum(1).mean() * 4;
    return hard + divergence * (0.9 * (1 - hardness));
  }

  // 100 * seg + sqrt(10 * pose) of quantised values over at most 64 evenly spaced pairs.
  double Evaluate(const Tensors& values) const {
    const Tensors quantised = Quantised(values);
    const int64_t count = static_cast<int64_t>(num_pairs());
    const int64_t shown = std::min<int64_t>(count, 64);
    double seg = 0;
    double pose = 0;
    for (int64_t i = 0; i < shown; ++i) {
      const Batch batch = TakeBatch({i * count / shown}, false);
      const auto [f0, f1] = GeneratorForward(options_.shape, quantised, batch.class_maps, batch.poses);
      const torch::Tensor small_f1 = ReadBack(f1, data_.frame_size);
      const torch::Tensor wrong = SegLogits(modules_, small_f1).argmax(1).ne(batch.class_maps);
      seg += wrong.to(torch::kFloat).mean().item<double>();
      const torch::Tensor got = PoseOutputs(modules_, ReadBack(f0, data_.frame_size), small_f1);
      pose += (got - batch.poses).square().mean().item<double>();
    }
    return DistortionTerms(seg / static_cast<double>(shown), pose / static_cast<double>(shown));
  }

  Tensors Start() const {
    SeededRandom random(options_.seed);
    Tensors values;
    for (const TensorSpec& spec : specs_) values.push_back(StartValue(spec, random, device_));
    return values;
  }

  TrainOptions LoopOptions() const {
    TrainOptions options;
    options.stage = "fit";
    options.steps = options_.steps;
    // On a CPU, one pair at a time is as fast as two and takes half the memory. A GPU is faster with more.
    const size_t batch_size = std::min<size_t>(options_.batch_size, num_pairs());
    options.micro_batches = device_.is_cuda() ? 1 : static_cast<int64_t>(batch_size);
    options.schedule.peak = options_.learning_rate;
    options.beta2 = 0.99;
    options.clip_norm = 1;
    options.ema_decay = options_.ema_decay;
    options.evaluate_every = std::max<int64_t>(1, options.steps / 10);
    options.evaluate_from = options.steps * 6 / 10;
    return options;
  }

  Nets::Modules& modules_;
  const FitOptions& options_;
  const FitData& data_;
  torch::Device device_;
  std::vector<TensorSpec> specs_;
  torch::Tensor poses_;  // [N, 6] on the device
};

}  // namespace

Result<std::vector<TeacherReading>> ReadTeacher(Nets& nets, std::span<const FramePair> pairs) {
  return Guarded("nets", [&]() -> Result<std::vector<TeacherReading>> {
    const NetOutputs outputs = RunNets(nets.modules(), pairs);
    std::vector<Observation> observations = ToObservations(outputs);
    const torch::Tensor halves = outputs.logits.to(torch::kHalf).flatten(1).cpu().contiguous();
    std::vector<TeacherReading> readings(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i) {
      readings[i].observation = std::move(observations[i]);
      readings[i].logits.resize(static_cast<size_t>(halves.size(1)));
      std::memcpy(readings[i].logits.data(), halves[static_cast<int64_t>(i)].data_ptr(),
                  readings[i].logits.size() * sizeof(uint16_t));
    }
    return readings;
  });
}

Result<WeightSet> FitWeights(Nets& nets, const FitOptions& options, const FitData& data,
                             const FitCheckpoint& checkpoint, Progress& progress) {
  if (options.batch_size == 0) return Error{Code::kInvalidArgument, "fit: batch of 0 pairs, expected at least 1"};
  KIT_CHECK(data.mask.count == data.pose.num_rows);
  KIT_ASSIGN(Nets::Modules* const folded, nets.FoldedModules());
  return Guarded("fit", [&] { return Fitter(*folded, options, data).Fit(checkpoint, progress); });
}

}  // namespace kitsink::search
