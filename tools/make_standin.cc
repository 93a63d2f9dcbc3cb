// make_standin FOLDER: writes the untrained stand-in nets segnet.safetensors and posenet.safetensors.
//
// Weights come from the key names. Batch norms are then set from a fixed batch of synthetic street scenes, so that
// every layer passes its signal on, and the two heads are scaled: class shares are fair, poses have unit spread.

#include <cmath>
#include <cstdio>
#include <functional>

#include "kitsink/file.h"
#include "nets/module_tensors.h"
#include "nets/nets_torch.h"
#include "nets/safetensors.h"

namespace kitsink {
namespace {

using torch::Tensor;

constexpr uint64_t kPairs = 8;
constexpr double kLogitSpread = 3.0;
constexpr double kClassShares[] = {0.30, 0.08, 0.34, 0.14, 0.14};

SegNetShape StandInSegNet() {
  SegNetShape shape;
  shape.stem = 8;
  shape.widths = {8, 8, 16, 16, 16, 24, 32};
  shape.blocks.assign(7, 1);
  shape.decoder = {32, 16, 16, 8, 8};
  return shape;
}

PoseNetShape StandInPoseNet() {
  PoseNetShape shape;
  shape.widths = {8, 16, 32, 64};
  shape.blocks.assign(4, 1);
  shape.final_width = 128;
  shape.squeeze = 8;
  shape.features = 128;
  shape.summary = 64;
  shape.hidden = 16;
  return shape;
}

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  explicit Random(const std::string& name) : state_(0xcbf29ce484222325U) {
    for (const char c : name) state_ = (state_ ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  }
  // Uniform in [-1, 1).
  float Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<float>(static_cast<int32_t>((z ^ (z >> 31)) >> 40) - 8388608) * 0x1p-23F;
  }
  float Between(float low, float high) { return low + (high - low) * 0.5F * (Next() + 1.0F); }

 private:
  uint64_t state_;
};

// One street: sky, verges, a road with marks, a few boxes; seen `progress` metres further on and `shift` aside.
Tensor Scene(uint64_t seed, float progress, float shift) {
  Random random(seed);
  const int width = static_cast<int>(kModelGrid.width), height = static_cast<int>(kModelGrid.height);
  const float horizon = random.Between(140, 200), light = random.Between(0.15F, 1.2F);
  float sky[3], verge[3], road = random.Between(70, 120);
  for (int c = 0; c < 3; ++c) {
    sky[c] = random.Between(120, 220) + 12.0F * static_cast<float>(c);
    verge[c] = random.Between(50, 150);
  }
  struct Box {
    float x, z, half, tall, colour[3];
  };
  std::vector<Box> boxes(7);
  for (Box& box : boxes) {
    box = {random.Between(-9, 9), random.Between(9, 45), random.Between(0.8F, 2.5F), random.Between(1, 5), {}};
    for (float& value : box.colour) value = random.Between(10, 235);
  }
  std::sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.z > b.z; });
  Tensor image = torch::empty({3, height, width});
  auto pixels = image.accessor<float, 3>();
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      const float u = (static_cast<float>(column) - 256.0F) / 300.0F, v = (static_cast<float>(row) - horizon) / 300.0F;
      float colour[3];
      if (v <= 0.004F) {
        for (int c = 0; c < 3; ++c) colour[c] = sky[c] + 90.0F * v * static_cast<float>(2 - c);
      } else {
        const float z = 1.4F / v, x = u * z + shift, along = z + progress;
        const bool mark = std::abs(std::abs(x) - 1.8F) < 0.1F && std::fmod(along, 9.0F) < 5.0F;
        const float grain = 9.0F * std::sin(3.1F * x) * std::sin(1.7F * along);
        for (int c = 0; c < 3; ++c) {
          colour[c] = std::abs(x) > 5.5F ? verge[c] + 2 * grain : mark ? 225.0F : road + grain;
        }
      }
      for (const Box& box : boxes) {
        const float z = box.z - progress, x = u * z + shift, up = 1.4F - v * z;
        if (z < 2 || std::abs(x - box.x) > box.half || up < 0 || up > box.tall) continue;
        for (int c = 0; c < 3; ++c) colour[c] = box.colour[c] * (up > box.tall * 0.6F ? 0.6F : 1.0F);
      }
      if (v > 0.55F - 0.2F * u * u) {
        for (int c = 0; c < 3; ++c) colour[c] = 30.0F + 40.0F * v;
      }
      for (int c = 0; c < 3; ++c) {
        pixels[c][row][column] = std::round(std::clamp(light * colour[c] + 3.0F * random.Next(), 0.0F, 255.0F));
      }
    }
  }
  return image;
}

// Every weight from its key; batch norms near one, biases small.
void FillFromNames(torch::nn::Module& net) {
  for (auto& item : net.named_parameters()) {
    Tensor tensor = item.value();
    const std::string& name = item.key();
    Random random(name);
    const double fan = static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0));
    const bool weight = tensor.dim() >= 2 && !name.ends_with(".gamma");
    const auto scale = static_cast<float>(std::sqrt(6.0 / fan));
    std::vector<float> values(static_cast<size_t>(tensor.numel()));
    for (float& value : values) {
      const float f = random.Next();
      value = weight                      ? scale * f
              : name.ends_with(".gamma")  ? 0.5F + 0.2F * f
              : name.ends_with(".weight") ? 1.0F + 0.25F * f
                                          : 0.1F * f;
    }
    tensor.copy_(torch::tensor(values).view(tensor.sizes()));
  }
}

// Replaces each 3x3 kernel by its sum spread as 1 2 1: decoders that blur give regions, not speckle.
void Smooth(Tensor weight) {
  const Tensor row = torch::tensor({0.25F, 0.5F, 0.25F});
  weight.copy_(weight.sum({2, 3}, true) * torch::outer(row, row));
}

// Keeps 8 bits of a value's mantissa: what another machine's rounding errors cannot reach stays the same there.
void Coarsen(Tensor tensor) {
  const Tensor exponent = torch::floor(torch::log2(tensor.abs().clamp_min(1e-12)));
  const Tensor step = torch::pow(2.0, exponent - 7);
  tensor.copy_(torch::round(tensor / step) * step);
}

// Means and variances of every norm from one batch.
void CalibrateNorms(FrozenNet& net, const Tensor& batch) {
  for (const auto& module : net.modules()) {
    if (auto* norm = module->as<torch::nn::BatchNorm2d>()) norm->options.momentum(1.0);
    if (auto* norm = module->as<torch::nn::BatchNorm1d>()) norm->options.momentum(1.0);
  }
  net.train();
  net.Forward(batch);
  net.eval();
  for (auto& buffer : net.named_buffers()) {
    if (buffer.key().find(".running_") != std::string::npos) Coarsen(buffer.value());
  }
}

Status Save(const std::filesystem::path& path, torch::nn::Module& net) {
  std::vector<NamedTensor> tensors;
  const auto add = [&tensors](const std::string& name, const Tensor& tensor) {
    if (name.ends_with("num_batches_tracked")) return;
    const float* values = tensor.data_ptr<float>();
    tensors.push_back(NamedTensor{name, tensor.sizes().vec(), {values, values + tensor.numel()}});
  };
  for (const auto& item : net.named_parameters()) add(item.key(), item.value());
  for (const auto& item : net.named_buffers()) add(item.key(), item.value());
  return WriteFile(path, WriteTensors(std::move(tensors)), Overwrite::kAllow);
}

Status MakeSegNet(const std::filesystem::path& path, const Tensor& frames) {
  const auto net = CreateSegNet(StandInSegNet());
  FillFromNames(*net);
  auto parameters = net->named_parameters();
  for (auto& item : parameters) {
    const bool decoder = item.key().starts_with("decoder.") || item.key().starts_with("segmentation_head.");
    if (decoder && item.value().dim() == 4) Smooth(item.value());
  }
  CalibrateNorms(*net, frames);
  Tensor weight = parameters["segmentation_head.0.weight"], bias = parameters["segmentation_head.0.bias"];
  bias.zero_();
  Tensor logits = net->Forward(frames);
  const Tensor scale = kLogitSpread / logits.std({0, 2, 3});
  weight.mul_(scale.view({-1, 1, 1, 1}));
  Coarsen(weight);
  logits = net->Forward(frames);
  bias.copy_(-logits.mean({0, 2, 3}));
  const int64_t pixels = logits.numel() / logits.size(1);
  for (int round = 0; round < 200; ++round) {
    const Tensor winners = (logits + bias.view({1, -1, 1, 1})).argmax(1).flatten();
    const Tensor shares = torch::bincount(winners, {}, logits.size(1)) / static_cast<double>(pixels);
    for (int64_t c = 0; c < logits.size(1); ++c) {
      bias[c] += 2.0 * (kClassShares[c] - shares[c].item<double>());
    }
  }
  Coarsen(bias);
  return Save(path, *net);
}

Status MakePoseNet(const std::filesystem::path& path, const Tensor& pairs) {
  const auto net = CreatePoseNet(StandInPoseNet());
  FillFromNames(*net);
  auto parameters = net->named_parameters();
  // The stem looks at the difference of the two frames first, at their sum second.
  for (const char* name : {"vision.stem.0.conv_kxk.0.conv.weight", "vision.stem.0.conv_scale.conv.weight"}) {
    Tensor weight = parameters[name];
    const Tensor sum = weight.slice(1, 0, 6).clone() * 0.15, difference = weight.slice(1, 6, 12).clone();
    weight.slice(1, 0, 6).copy_(sum - difference);
    weight.slice(1, 6, 12).copy_(sum + difference);
  }
  CalibrateNorms(*net, pairs);
  Tensor weight = parameters["hydra.final_layer.pose.weight"], bias = parameters["hydra.final_layer.pose.bias"];
  bias.zero_();
  const Tensor scale = 1.0 / net->Forward(pairs).std(0);
  weight.mul_(scale.view({-1, 1}));
  Coarsen(weight);
  bias.copy_(-net->Forward(pairs).mean(0));
  Coarsen(bias);
  return Save(path, *net);
}

Status Run(const std::filesystem::path& folder) {
  return Guarded("make_standin", [&]() -> Status {
    const torch::NoGradGuard no_grad;
    ConfigureTorch(1);  // one thread: sums in one order
    std::vector<Tensor> f0, f1;
    Random motion(uint64_t{2026});
    for (uint64_t pair = 0; pair < kPairs; ++pair) {
      f0.push_back(Scene(pair, 0, 0));
      f1.push_back(Scene(pair, motion.Between(0, 2.5F), motion.Between(-0.4F, 0.4F)));
    }
    const Tensor first = torch::stack(f0), second = torch::stack(f1);
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    KIT_TRY(MakeSegNet(folder / "segnet.safetensors", second));
    return MakePoseNet(folder / "posenet.safetensors", PoseInput(first, second));
  });
}

}  // namespace
}  // namespace kitsink

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_standin FOLDER\n");
    return 2;
  }
  const kitsink::Status status = kitsink::Run(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "make_standin: %s\n", status.error().message.c_str());
  return 1;
}
