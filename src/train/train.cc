// Runs the steps of a training, and keeps and restores its state.

#include "train/train.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <utility>

#include "kitsink/bytes.h"
#include "nets/nets_torch.h"
#include "train/muon.h"

namespace kitsink {
namespace {

using Tensors = std::vector<torch::Tensor>;
using torch::optim::Optimizer;

template <typename Kind, typename KindOptions>
std::unique_ptr<Optimizer> MakeOptimiser(const Trainable& trainable, const TrainOptions& options) {
  const KindOptions common = KindOptions(options.schedule.peak).betas({options.beta1, options.beta2}).weight_decay(0);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const ParameterGroup& group : trainable.groups) {
    if (options.optimiser == OptimiserKind::kMuon && group.matrices) continue;
    auto own = std::make_unique<KindOptions>(common);
    own->weight_decay(group.weight_decay);
    groups.emplace_back(group.tensors, std::move(own));
  }
  return std::make_unique<Kind>(std::move(groups), common);
}

Tensors Copies(const Tensors& tensors) {
  Tensors copies;
  for (const torch::Tensor& tensor : tensors) copies.push_back(tensor.detach().clone());
  return copies;
}

void AppendValues(const torch::Tensor& tensor, ByteWriter& writer) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* const bytes = static_cast<const uint8_t*>(values.data_ptr());
  writer.Append(std::span(bytes, static_cast<size_t>(values.nbytes())));
}

// Values of a tensor like `like`, which AppendValues() wrote on a machine of the same byte order.
torch::Tensor TakeValues(const torch::Tensor& like, ByteReader& reader) {
  torch::Tensor values = torch::empty(like.sizes(), torch::kFloat32);
  const std::span<const uint8_t> bytes = reader.Take(static_cast<size_t>(values.nbytes()));
  std::ranges::copy(bytes, static_cast<uint8_t*>(values.data_ptr()));
  return values.to(like.device());
}

// All that the next step depends on, apart from the options and the data.
struct State {
  int64_t step = 0;
  double best_score = std::numeric_limits<double>::infinity();
  Tensors values, buffers;  // the caller's own
  Tensors average, best;
  Tensors matrices, momenta;  // that Muon trains
  std::unique_ptr<Optimizer> optimiser;
  std::vector<double> rates;  // of the optimiser's groups, over the schedule's

  // Calls visit(name, tensors) for each list.
  template <typename Visit>
  void ForEachList(const Visit& visit) {
    visit("value", values);
    visit("buffer", buffers);
    visit("average", average);
    visit("best", best);
    visit("momentum", momenta);
  }
};

State Start(const Trainable& trainable, const TrainOptions& options) {
  State state;
  for (const ParameterGroup& group : trainable.groups) {
    state.values.insert(state.values.end(), group.tensors.begin(), group.tensors.end());
    if (options.optimiser != OptimiserKind::kMuon || !group.matrices) {
      state.rates.push_back(group.rate);
      continue;
    }
    for (const torch::Tensor& tensor : group.tensors) {
      state.matrices.push_back(tensor);
      state.momenta.push_back(torch::zeros_like(tensor));
    }
  }
  state.buffers = trainable.buffers;
  if (options.ema_decay > 0) state.average = Copies(state.values);
  state.best = Copies(state.values);
  state.optimiser = options.optimiser == OptimiserKind::kAdam
                        ? MakeOptimiser<torch::optim::Adam, torch::optim::AdamOptions>(trainable, options)
                        : MakeOptimiser<torch::optim::AdamW, torch::optim::AdamWOptions>(trainable, options);
  return state;
}

Bytes Pack(State& state) {
  torch::serialize::OutputArchive archive, optimiser;
  archive.write("step", torch::tensor(state.step));
  archive.write("best_score", torch::tensor(state.best_score, torch::kDouble));
  state.ForEachList([&archive](const std::string& name, const Tensors& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) archive.write(name + std::to_string(i), tensors[i].detach());
  });
  state.optimiser->save(optimiser);
  archive.write("optimiser", optimiser);
  std::ostringstream stream;
  archive.save_to(stream);
  const std::string text = std::move(stream).str();
  return Bytes(text.begin(), text.end());
}

void Unpack(const Bytes& bytes, State& state) {
  std::istringstream stream(std::string(bytes.begin(), bytes.end()));
  torch::serialize::InputArchive archive, optimiser;
  archive.load_from(stream, state.values[0].device());
  const auto read = [&archive](const std::string& name) {
    torch::Tensor tensor;
    archive.read(name, tensor);
    return tensor;
  };
  const torch::NoGradGuard no_grad;
  state.step = read("step").item<int64_t>();
  state.best_score = read("best_score").item<double>();
  state.ForEachList([&read](const std::string& name, const Tensors& tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const torch::Tensor saved = read(name + std::to_string(i));
      TORCH_CHECK(saved.sizes() == tensors[i].sizes(), name, i, " has the shape ", saved.sizes(), ", expected ",
                  tensors[i].sizes());
      torch::Tensor(tensors[i]).copy_(saved);
    }
  });
  archive.read("optimiser", optimiser);
  state.optimiser->load(optimiser);
}

class Loop {
 public:
  Loop(const Trainable& trainable, const TrainOptions& options, const TrainHooks& hooks, const Checkpoint& checkpoint)
      : options_(options), hooks_(hooks), checkpoint_(checkpoint), state_(Start(trainable, options)) {}

  Result<TrainResult> Run(Progress& progress) {
    if (checkpoint_.crew == nullptr || checkpoint_.crew->alone()) return RunSteps(progress);
    // A batch of one part is not worth waiting for others.
    if (options_.micro_batches == 1 && !checkpoint_.crew->leads()) return FromLeader();
    KIT_TRY(RunSteps(progress));
    return FromLeader();
  }

 private:
  using Clock = std::chrono::steady_clock;

  // Runs the steps, this process's part of them, or all where they have one part.
  Result<TrainResult> RunSteps(Progress& progress) {
    KIT_TRY(Restore());
    progress.Begin(options_.stage, static_cast<uint64_t>(options_.steps), "steps");
    progress.Update(static_cast<uint64_t>(state_.step), "");  // made by an earlier run
    while (state_.step < options_.steps) {
      KIT_ASSIGN(const double loss, Step());
      ++state_.step;
      KIT_TRY(Evaluate());
      progress.Update(static_cast<uint64_t>(state_.step), Note(loss));
      const bool stop = progress.stop_requested();
      KIT_TRY(Save(stop));
      if (stop) return Interrupted();
    }
    progress.End();
    if (!hooks_.evaluate && options_.steps > 0) state_.best = Copies(Candidate());
    return TrainResult{state_.best, state_.best_score};
  }

  // The result of process 0.
  Result<TrainResult> FromLeader() {
    KIT_ASSIGN(const Bytes bytes, checkpoint_.crew->FromLeader([this]() -> Result<Bytes> {
      ByteWriter writer;
      writer.U64(std::bit_cast<uint64_t>(state_.best_score));
      for (const torch::Tensor& value : state_.best) AppendValues(value, writer);
      return writer.Take();
    }));
    ByteReader reader(bytes);
    state_.best_score = std::bit_cast<double>(reader.U64());
    for (torch::Tensor& value : state_.best) value.copy_(TakeValues(value, reader));
    KIT_TRY(reader.Finish(options_.stage + ": result of process 0"));
    return TrainResult{std::move(state_.best), state_.best_score};
  }

  Error Interrupted() const {
    return Error{Code::kInterrupted,
                 checkpoint_.save ? "interrupted; the same command goes on from here" : "interrupted"};
  }

  Status Restore() {
    if (checkpoint_.saved.empty()) return Ok();
    const Status restored = Guarded(options_.stage, [this]() -> Status {
      Unpack(checkpoint_.saved, state_);
      TORCH_CHECK(state_.step <= options_.steps, state_.step, " steps done, expected at most ", options_.steps);
      return Ok();
    });
    if (restored.ok()) return Ok();
    return Error{Code::kCorrupt, "the checkpoint is not of this training: " + restored.error().message};
  }

  // One step of the optimiser and of the average; returns the loss.
  Result<double> Step() {
    const double rate = RateAt(options_.schedule, state_.step, options_.steps);
    auto& groups = state_.optimiser->param_groups();
    for (size_t i = 0; i < groups.size(); ++i) groups[i].options().set_lr(state_.rates[i] * rate);
    KIT_ASSIGN(const double loss, Differentiate());
    if (options_.clip_norm > 0) {
      const double norm = torch::nn::utils::clip_grad_norm_(state_.values, options_.clip_norm);
      if (!std::isfinite(norm)) return NotFinite("the gradient");
    }
    state_.optimiser->step();
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < state_.matrices.size(); ++i) {
      MuonStep(state_.matrices[i], state_.momenta[i], options_.muon_rate * rate, options_.muon_beta);
    }
    const auto s = static_cast<double>(state_.step);
    const double decay = std::min(options_.ema_decay, (s + 1) / (s + 10));
    for (size_t i = 0; i < state_.average.size(); ++i) {
      state_.average[i].mul_(decay).add_(state_.values[i], 1 - decay);
    }
    return loss;
  }

  // Leaves the gradient of the step's mean loss in the parameters, and returns that loss. A parameter that the loss
  // does not reach has no gradient afterwards, not one of zeros: the optimiser passes over it, before a resume and
  // after it.
  Result<double> Differentiate() {
    for (torch::Tensor& value : state_.values) value.mutable_grad() = torch::Tensor();
    std::vector<double> notes;
    const bool shared = checkpoint_.crew != nullptr && !checkpoint_.crew->alone() && options_.micro_batches > 1;
    KIT_ASSIGN(const double loss, shared ? SharedLoss(notes) : OwnLoss(notes));
    if (hooks_.learn) hooks_.learn(state_.step, notes);
    return loss;
  }

  // Adds the gradient of a micro-batch to the parameters' gradients.
  Result<double> AddMicroBatch(int64_t micro, std::vector<double>& notes) {
    const torch::Tensor part = hooks_.loss(state_.step, micro) / static_cast<double>(options_.micro_batches);
    const double loss = part.item<double>();
    if (!std::isfinite(loss)) return NotFinite("the loss");
    part.backward();
    first_pass_.reset();
    if (hooks_.notes) std::ranges::copy(hooks_.notes(), std::back_inserter(notes));
    return loss;
  }

  Result<double> OwnLoss(std::vector<double>& notes) {
    double loss = 0;
    for (int64_t micro = 0; micro < options_.micro_batches; ++micro) {
      KIT_ASSIGN(const double part, AddMicroBatch(micro, notes));
      loss += part;
    }
    return loss;
  }

  // Differentiates this process's micro-batches one by one, then adds up those of all processes in their order, as
  // OwnLoss() does.
  Result<double> SharedLoss(std::vector<double>& notes) {
    const PairRange own = checkpoint_.crew->shard().PartOf(static_cast<uint64_t>(options_.micro_batches));
    ByteWriter writer;
    for (uint64_t micro = own.first; micro < own.end; ++micro) {
      std::vector<double> own_notes;
      KIT_ASSIGN(const double loss, AddMicroBatch(static_cast<int64_t>(micro), own_notes));
      writer.U64(std::bit_cast<uint64_t>(loss));
      writer.U32(static_cast<uint32_t>(own_notes.size()));
      for (const double note : own_notes) writer.U64(std::bit_cast<uint64_t>(note));
      for (torch::Tensor& value : state_.values) {
        writer.U8(value.grad().defined() ? 1 : 0);
        if (value.grad().defined()) AppendValues(value.grad(), writer);
        value.mutable_grad() = torch::Tensor();
      }
    }
    KIT_ASSIGN(const std::vector<Bytes> all, checkpoint_.crew->Gather(writer.Take()));
    double loss = 0;
    for (const Bytes& bytes : all) {
      ByteReader reader(bytes);
      while (reader.remaining() > 0 && !reader.overran()) loss += TakeMicroBatch(reader, notes);
      KIT_TRY(reader.Finish(options_.stage + ": gradients of another process"));
    }
    return loss;
  }

  double TakeMicroBatch(ByteReader& reader, std::vector<double>& notes) {
    const double loss = std::bit_cast<double>(reader.U64());
    for (uint32_t left = reader.U32(); left > 0 && !reader.overran(); --left) {
      notes.push_back(std::bit_cast<double>(reader.U64()));
    }
    for (torch::Tensor& value : state_.values) {
      if (reader.U8() == 0) continue;
      const torch::Tensor gradient = TakeValues(value, reader);
      value.mutable_grad() = value.grad().defined() ? value.grad() + gradient : gradient;
    }
    return loss;
  }

  Error NotFinite(const std::string& what) const {
    return Error{Code::kInternal, what + " stopped being finite at step " + std::to_string(state_.step)};
  }

  const Tensors& Candidate() const { return state_.average.empty() ? state_.values : state_.average; }

  // Evaluates if it is time, and keeps the values of the lowest score.
  Status Evaluate() {
    if (!hooks_.evaluate) return Ok();
    const bool last = state_.step == options_.steps;
    const bool due = options_.evaluate_every > 0 && state_.step % options_.evaluate_every == 0 &&
                     state_.step >= options_.evaluate_from;
    if (due || last) KIT_TRY(KeepIfBest(Candidate()));
    if (last && !state_.average.empty()) KIT_TRY(KeepIfBest(state_.values));
    return Ok();
  }

  Status KeepIfBest(const Tensors& candidate) {
    const torch::NoGradGuard no_grad;
    KIT_ASSIGN(const double score, hooks_.evaluate(candidate));
    if (!std::isfinite(score) || score >= state_.best_score) return Ok();
    state_.best_score = score;
    state_.best = Copies(candidate);
    return Ok();
  }

  // The running mean of the loss. A resumed training begins it anew.
  std::string Note(double loss) {
    constexpr double kKept = 0.9;
    mean_loss_ = kKept * mean_loss_ + (1 - kKept) * loss;
    weight_ = kKept * weight_ + (1 - kKept);
    char note[48];
    std::snprintf(note, sizeof note, "loss %.4f", mean_loss_ / weight_);
    return note;
  }

  Status Save(bool now) {
    if (!checkpoint_.save || (checkpoint_.crew != nullptr && !checkpoint_.crew->leads())) return Ok();
    const std::chrono::duration<double> passed = Clock::now() - saved_at_;
    if (!now && state_.step < options_.steps && passed.count() < checkpoint_.seconds) return Ok();
    KIT_TRY(checkpoint_.save(Pack(state_)));
    saved_at_ = Clock::now();
    return Ok();
  }

  const TrainOptions& options_;
  const TrainHooks& hooks_;
  const Checkpoint& checkpoint_;
  State state_;
  double mean_loss_ = 0, weight_ = 0;
  Clock::time_point saved_at_ = Clock::now();
  std::optional<FirstPass> first_pass_{std::in_place};
};

}  // namespace

Result<TrainResult> Train(const Trainable& trainable, const TrainOptions& options, const TrainHooks& hooks,
                          const Checkpoint& checkpoint, Progress& progress) {
  KIT_CHECK(hooks.loss && options.steps >= 0 && options.micro_batches >= 1);
  KIT_CHECK(static_cast<bool>(hooks.notes) == static_cast<bool>(hooks.learn));
  return Loop(trainable, options, hooks, checkpoint).Run(progress);
}

}  // namespace kitsink
