#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

#include "kitsink/random.h"
#include "kitsink/refine.h"
#include "nets/nets_torch.h"
#include "refine/fake_quant.h"
#include "train/pose_error.h"

namespace kitsink {
namespace {

using Tensors = std::vector<torch::Tensor>;

// A killed fit loses less than this.
constexpr int kSaveSeconds = 10;

// The start and the order of pairs come from the seed alone, on any LibTorch.
class SeededRandom : public SplitMix64 {
 public:
  using SplitMix64::SplitMix64;
  // Uniform in -1 .. 1.
  float Signed() { return static_cast<float>(static_cast<int32_t>(Next() >> 40) - (1 << 23)) / (1 << 23); }
  size_t Below(size_t bound) { return static_cast<size_t>(Next() % bound); }
};

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// PyTorch's default start: uniform within 1 / sqrt(fan in) for matrices and convolutions, 1 for norms, 0 for biases,
// about unit variance for the embedding. The first pose layer sees a speed of some 30 m/s: scaled down to match.
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
      // A residual block's FiLM starts as the identity's neighbour.
      if (EndsWith(spec.name, "film_proj.weight")) bound *= 0.1F;
    }
    for (float& value : values) value = bound * random.Signed();
  }
  return torch::tensor(values).view(sizes).to(device).requires_grad_(true);
}

// Order in which pairs are shown: shuffled anew each time all were seen.
class PairOrder {
 public:
  PairOrder(size_t count, uint64_t seed) : random_(seed ^ 0x6f72646572U), order_(count), next_(count) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
  }
  std::vector<int64_t> Take(size_t count) {
    std::vector<int64_t> taken;
    while (taken.size() < std::min(count, order_.size())) {
      if (next_ == order_.size()) {
        for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_.Below(i)]);
        next_ = 0;
      }
      taken.push_back(order_[next_++]);
    }
    return taken;
  }

 private:
  SeededRandom random_;
  std::vector<int64_t> order_;
  size_t next_;
};

class Fitter final : public WeightFitter {
 public:
  Fitter(Nets::Modules& modules, FrameSize frame_size, const FitOptions& options)
      : modules_(modules),
        options_(options),
        device_(TorchDevice(modules.device)),
        specs_(GeneratorTensors(options.shape)),
        frame_size_(frame_size) {}

  void AddPair(const TeacherReading& reading) override { teacher_.push_back(reading.logits); }

  Result<WeightSet> Fit(const MaskClip& mask, const Track& pose, const FitCheckpoint& checkpoint,
                        Progress& progress) override {
    KIT_CHECK(mask.count == teacher_.size() && pose.num_rows == teacher_.size());
    return Guarded("fit", [&]() -> Result<WeightSet> {
      class_maps_ = ClassMapsToTensor(mask, 0, mask.count, torch::kCPU).to(torch::kUInt8);
      poses_ = torch::tensor(DequantizeTrack(pose)).view({static_cast<int64_t>(pose.num_rows), -1}).to(device_);
      return Train(checkpoint, progress);
    });
  }

 private:
  struct Batch {
    torch::Tensor class_maps, poses, teacher;
  };

  Batch TakeBatch(const std::vector<int64_t>& indices) const {
    const torch::Tensor index = torch::tensor(indices);
    Tensors teacher;
    for (const int64_t i : indices) {
      const std::vector<uint16_t>& logits = teacher_[static_cast<size_t>(i)];
      teacher.push_back(torch::empty({5, kModelGrid.height, kModelGrid.width}, torch::kHalf));
      std::memcpy(teacher.back().data_ptr(), logits.data(), logits.size() * sizeof(uint16_t));
    }
    return {class_maps_.index_select(0, index).to(device_).to(torch::kLong), poses_.index_select(0, index.to(device_)),
            torch::stack(teacher).to(device_).to(torch::kFloat)};
  }

  Tensors Quantised(const Tensors& values) const {
    Tensors quantised;
    for (size_t i = 0; i < specs_.size(); ++i) quantised.push_back(FakeQuantize(specs_[i], values[i]));
    return quantised;
  }

  // seg: temperature-2 divergence from the teacher early on, boosted cross-entropy later; plus the pose error.
  torch::Tensor Loss(const Tensors& values, const Batch& batch, double hardness) const {
    const auto [f0, f1] = GeneratorForward(options_.shape, values, batch.class_maps, batch.poses);
    const torch::Tensor small_f0 = ReadBack(f0, frame_size_);
    const torch::Tensor small_f1 = ReadBack(f1, frame_size_);
    const torch::Tensor logits = SegLogits(modules_, small_f1);
    const torch::Tensor log_probability = torch::log_softmax(logits, 1);
    const torch::Tensor surprise = -log_probability.gather(1, batch.class_maps.unsqueeze(1)).squeeze(1);
    const torch::Tensor wrong = logits.detach().argmax(1).ne(batch.class_maps).to(torch::kFloat);
    torch::Tensor seg = (surprise * (1 + options_.error_boost * wrong)).mean() * (0.5 * (0.1 + 0.9 * hardness));
    if (hardness < 1) {
      const torch::Tensor soft = torch::log_softmax(logits / 2, 1);
      const torch::Tensor teacher = torch::log_softmax(batch.teacher / 2, 1);
      const torch::Tensor divergence = (teacher.exp() * (teacher - soft)).sum(1).mean() * 4;
      seg = seg + divergence * (0.9 * (1 - hardness));
    }
    const torch::Tensor pose = BentPoseError(PoseOutputs(modules_, small_f0, small_f1), batch.poses);
    return 100 * seg + options_.pose_weight * pose.mean();
  }

  // 100 * seg + sqrt(10 * pose) of quantised values over at most 64 evenly spaced pairs.
  double Evaluate(const Tensors& values) const {
    const torch::NoGradGuard no_grad;
    const Tensors quantised = Quantised(values);
    const int64_t count = static_cast<int64_t>(teacher_.size());
    const int64_t shown = std::min<int64_t>(count, 64);
    double seg = 0;
    double pose = 0;
    for (int64_t i = 0; i < shown; ++i) {
      const Batch batch = TakeBatch({i * count / shown});
      const auto [f0, f1] = GeneratorForward(options_.shape, quantised, batch.class_maps, batch.poses);
      const torch::Tensor small_f1 = ReadBack(f1, frame_size_);
      const torch::Tensor wrong = SegLogits(modules_, small_f1).argmax(1).ne(batch.class_maps);
      seg += wrong.to(torch::kFloat).mean().item<double>();
      const torch::Tensor got = PoseOutputs(modules_, ReadBack(f0, frame_size_), small_f1);
      pose += (got - batch.poses).square().mean().item<double>();
    }
    const double score = DistortionTerms(seg / static_cast<double>(shown), pose / static_cast<double>(shown));
    return std::isfinite(score) ? score : std::numeric_limits<double>::infinity();
  }

  double LearningRate(uint32_t step) const {
    const double warm_up = std::max(1.0, 0.05 * options_.steps);
    const double progress = step / static_cast<double>(options_.steps);
    return options_.learning_rate * std::min(1.0, (step + 1) / warm_up) * 0.5 * (1 + std::cos(M_PI * progress));
  }

  // All that the next step depends on; pairs and options are the caller's.
  struct State {
    uint32_t step = 0;
    double best_score = std::numeric_limits<double>::infinity();
    Tensors values, average, best;
    std::unique_ptr<torch::optim::AdamW> optimiser;
  };

  State Start() const {
    SeededRandom random(options_.seed);
    State state;
    for (const TensorSpec& spec : specs_) state.values.push_back(StartValue(spec, random, device_));
    for (const torch::Tensor& value : state.values) {
      state.average.push_back(value.detach().clone());
      state.best.push_back(value.detach().clone());
    }
    state.optimiser = std::make_unique<torch::optim::AdamW>(
        state.values, torch::optim::AdamWOptions(options_.learning_rate).betas({0.9, 0.99}).weight_decay(0.01));
    return state;
  }

  static Bytes Pack(const State& state) {
    torch::serialize::OutputArchive archive, optimiser;
    archive.write("step", torch::tensor(static_cast<int64_t>(state.step)));
    archive.write("best_score", torch::tensor(state.best_score, torch::kDouble));
    for (size_t i = 0; i < state.values.size(); ++i) {
      archive.write("value" + std::to_string(i), state.values[i].detach());
      archive.write("average" + std::to_string(i), state.average[i]);
      archive.write("best" + std::to_string(i), state.best[i]);
    }
    state.optimiser->save(optimiser);
    archive.write("optimiser", optimiser);
    std::ostringstream stream;
    archive.save_to(stream);
    const std::string text = stream.str();
    return Bytes(text.begin(), text.end());
  }

  void Unpack(const Bytes& bytes, State& state) const {
    std::istringstream stream(std::string(bytes.begin(), bytes.end()));
    torch::serialize::InputArchive archive, optimiser;
    archive.load_from(stream, device_);
    const auto read = [&archive](const std::string& key) {
      torch::Tensor tensor;
      archive.read(key, tensor);
      return tensor;
    };
    const torch::NoGradGuard no_grad;
    state.step = static_cast<uint32_t>(read("step").item<int64_t>());
    state.best_score = read("best_score").item<double>();
    for (size_t i = 0; i < state.values.size(); ++i) {
      state.values[i].copy_(read("value" + std::to_string(i)));
      state.average[i].copy_(read("average" + std::to_string(i)));
      state.best[i].copy_(read("best" + std::to_string(i)));
    }
    archive.read("optimiser", optimiser);
    state.optimiser->load(optimiser);
  }

  void KeepBest(const Tensors& candidate, State& state) const {
    const double score = Evaluate(candidate);
    if (score >= state.best_score) return;
    state.best_score = score;
    for (size_t i = 0; i < state.best.size(); ++i) state.best[i] = candidate[i].detach().clone();
  }

  // One step of the optimiser and of the running average; returns the loss.
  double Step(const std::vector<int64_t>& pairs, State& state) const {
    const uint32_t qat_start = static_cast<uint32_t>(options_.qat_from * options_.steps);
    for (auto& group : state.optimiser->param_groups()) {
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(LearningRate(state.step));
    }
    const bool quantise = state.step >= qat_start;
    const double hardness = qat_start == 0 ? 1.0 : std::min(1.0, 2.0 * state.step / qat_start);
    state.optimiser->zero_grad();
    const torch::Tensor loss = Loss(quantise ? Quantised(state.values) : state.values, TakeBatch(pairs), hardness);
    loss.backward();
    torch::nn::utils::clip_grad_norm_(state.values, 1.0);
    state.optimiser->step();
    const torch::NoGradGuard no_grad;
    const double decay = std::min(options_.ema_decay, (state.step + 1.0) / (state.step + 10.0));
    for (size_t i = 0; i < state.values.size(); ++i) {
      state.average[i].mul_(decay).add_(state.values[i], 1 - decay);
    }
    return loss.item<double>();
  }

  Result<WeightSet> Train(const FitCheckpoint& checkpoint, Progress& progress) {
    State state = Start();
    if (!checkpoint.saved.empty()) Unpack(checkpoint.saved, state);
    PairOrder order(teacher_.size(), options_.seed);
    for (uint32_t step = 0; step < state.step; ++step) order.Take(options_.batch_size);
    const uint32_t check_every = std::max(1U, options_.steps / 10);
    auto saved_at = std::chrono::steady_clock::now();
    progress.Begin("fit", options_.steps, "steps");
    while (state.step < options_.steps) {
      const double loss = Step(order.Take(options_.batch_size), state);
      if (!std::isfinite(loss)) {
        return Error{Code::kInternal, "the loss stopped being finite at step " + std::to_string(state.step)};
      }
      ++state.step;
      const bool last = state.step == options_.steps;
      const bool check = state.step % check_every == 0 && state.step >= options_.steps * 6 / 10;
      if (check || last) KeepBest(state.average, state);
      if (last) KeepBest(state.values, state);
      char note[48];
      std::snprintf(note, sizeof(note), "loss %.4f", loss);
      progress.Update(state.step, note);
      // When a state is kept changes no result, so that the clock may say when.
      const bool due = std::chrono::steady_clock::now() - saved_at > std::chrono::seconds(kSaveSeconds);
      if (checkpoint.save && (due || last || progress.stop_requested())) {
        KIT_TRY(checkpoint.save(Pack(state)));
        saved_at = std::chrono::steady_clock::now();
      }
      if (progress.stop_requested()) return Error{Code::kIo, "interrupted; the same command goes on from here"};
    }
    progress.End();
    WeightSet weights;
    weights.shape = options_.shape;
    for (size_t i = 0; i < specs_.size(); ++i) {
      const torch::Tensor value = state.best[i].to(torch::kCPU).contiguous();
      const std::span<const float> span(value.data_ptr<float>(), static_cast<size_t>(value.numel()));
      KIT_ASSIGN(QuantizedTensor tensor, QuantizeTensor(specs_[i], span));
      weights.tensors.push_back(std::move(tensor));
    }
    return weights;
  }

  Nets::Modules& modules_;
  FitOptions options_;
  torch::Device device_;
  std::vector<TensorSpec> specs_;
  FrameSize frame_size_;
  std::vector<std::vector<uint16_t>> teacher_;
  torch::Tensor class_maps_;  // [N, H, W] uint8, on the CPU
  torch::Tensor poses_;       // [N, 6] on the device
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

Result<std::unique_ptr<WeightFitter>> WeightFitter::Create(Nets& nets, FrameSize frame_size,
                                                           const FitOptions& options) {
  if (options.batch_size == 0) return Error{Code::kInvalidArgument, "fit: batch of 0 pairs, expected at least 1"};
  KIT_ASSIGN(Nets::Modules* const folded, nets.FoldedModules());
  return std::unique_ptr<WeightFitter>(std::make_unique<Fitter>(*folded, frame_size, options));
}

}  // namespace kitsink
