// Measures a pair of nets on held-out scenes and on a clip, and prints tables.

#include <cmath>
#include <cstdio>
#include <cstring>

#include "kitsink/file.h"
#include "kitsink/video.h"
#include "nets/nets_torch.h"
#include "train_standin/batches.h"
#include "train_standin/jobs.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;

constexpr int64_t kClasses = 5;
constexpr const char* kClassNames[] = {"road", "lane marks", "undrivable", "movable", "own car"};
constexpr const char* kPoseNames[] = {"forward", "right", "down", "roll", "pitch", "yaw"};
constexpr int64_t kConsecutive[] = {0, 2};  // pairs of views that are one frame apart

// Counts of pixels: a row for each true class, a column for each class that the net gives.
Tensor Confusion(const Tensor& truth, const Tensor& seen) {
  return torch::bincount((truth * kClasses + seen).flatten(), {}, kClasses * kClasses).view({kClasses, kClasses});
}

void PrintClasses(const char* title, const Tensor& confusion) {
  const Tensor hits = confusion.diagonal().to(torch::kFloat64);
  const Tensor both = confusion.sum(0) + confusion.sum(1) - hits;
  const Tensor iou = hits / both.clamp_min(1);
  std::printf("%s: pixel accuracy %.4f, mean IoU %.4f (", title,
              hits.sum().item<double>() / confusion.sum().item<double>(), iou.mean().item<double>());
  for (int64_t c = 0; c < kClasses; ++c) {
    std::printf("%s%s %.3f", c == 0 ? "" : ", ", kClassNames[c], iou[c].item<double>());
  }
  std::printf(")\n");
}

Tensor SeenClasses(Nets::Modules& nets, const Tensor& picture) {
  const torch::NoGradGuard no_grad;
  return SegLogits(nets, picture).argmax(1)[0];
}

Status SaveMap(const std::filesystem::path& path, const Tensor& picture, const Tensor& seen) {
  static const Tensor kColours = torch::tensor({64, 32, 32, 255, 0, 0, 128, 128, 96, 0, 255, 102, 204, 0, 255});
  const Tensor painted = kColours.view({kClasses, 3}).index({seen.flatten()}).view({seen.size(0), seen.size(1), 3});
  const Tensor both = torch::cat({picture[0], painted.permute({2, 0, 1}).to(torch::kFloat32)}, 2);
  return SavePng(path, TensorToFrames(both.unsqueeze(0))[0], Overwrite::kAllow);
}

// The root of the mean square of the six differences; the score weighs them so.
double Moved(const Tensor& from, const Tensor& to) { return (to - from).square().mean().sqrt().item<double>(); }

// Prints how the outputs react to two small changes of both pictures: noise of at most half a grey level, and a tenth
// of a grey level along the sign of the gradient.
void PrintSensitivity(Nets::Modules& nets, const Scenes& scenes) {
  const int64_t count = std::min<int64_t>(scenes.count(), 16);
  double noise = 0, along = 0, cells = 0;
  torch::manual_seed(1);
  for (int64_t i = 0; i < count; ++i) {
    const Tensor views = scenes.pictures[i].to(torch::kFloat32).to(TorchDevice(nets.device));
    Tensor f0 = views.slice(0, 1, 2).clone().requires_grad_(), f1 = views.slice(0, 2, 3).clone().requires_grad_();
    const Tensor pose = PoseOutputs(nets, f0, f1);
    const auto pushed = [&](const Tensor& d0, const Tensor& d1) {
      const torch::NoGradGuard no_grad;
      return Moved(pose.detach(), PoseOutputs(nets, f0 + d0, f1 + d1));
    };
    const Tensor d0 = torch::rand_like(f0) - 0.5, d1 = torch::rand_like(f1) - 0.5;
    noise += pushed(d0, d1);
    cells += (SeenClasses(nets, f1.detach()) != SeenClasses(nets, (f1 + d1).detach()))
                 .to(torch::kFloat32)
                 .mean()
                 .item<double>();
    double worst = 0;
    for (int64_t axis = 0; axis < 6; ++axis) {
      const auto gradient = torch::autograd::grad({pose[0][axis]}, {f0, f1}, {}, /*retain_graph=*/true);
      worst = std::max(worst, pushed(0.1 * gradient[0].sign(), 0.1 * gradient[1].sign()));
    }
    along += worst;
  }
  const double n = static_cast<double>(count);
  std::printf("Half a grey level of noise: pose moves by %.4f, %.5f of the cells change class. ", noise / n, cells / n);
  std::printf("A tenth along the worst gradient's sign: pose moves by %.4f.\n", along / n);
}

Status ReportClip(Nets& nets, const ReportJob& job) {
  const int64_t height = kModelGrid.height, width = kModelGrid.width;
  const auto cells = static_cast<size_t>(height * width);
  Bytes maps;
  if (!job.masks.empty()) {
    KIT_ASSIGN(maps, ReadFile(job.masks, uint64_t{1} << 30));
  }
  KIT_ASSIGN(VideoReader reader, VideoReader::Open(job.clip, Limits()));
  Tensor confusion = torch::zeros({kClasses, kClasses}, torch::kInt64);
  Frame f0;
  for (size_t index = 0;; ++index) {
    KIT_ASSIGN(std::optional<Frame> frame, reader.Next());
    if (!frame.has_value()) break;
    if (index % 2 == 0) {
      f0 = std::move(*frame);
      continue;
    }
    const Frame* const frames[] = {&f0, &*frame};
    const Tensor small = ResizeToModelGrid(FramesToTensor(frames, TorchDevice(nets.device())));
    const Tensor seen = SeenClasses(nets.modules(), small.slice(0, 1, 2));
    const torch::NoGradGuard no_grad;
    const Tensor pose = PoseOutputs(nets.modules(), small.slice(0, 0, 1), small.slice(0, 1, 2))[0].cpu();
    std::printf("clip pair %zu: pose", index / 2);
    for (int64_t axis = 0; axis < 6; ++axis) std::printf(" %.4f", pose[axis].item<double>());
    std::printf("\n");
    if (maps.size() >= cells * (index / 2 + 1)) {
      const Tensor truth = torch::from_blob(maps.data() + cells * (index / 2), {height, width}, torch::kUInt8);
      confusion += Confusion(truth.to(torch::kInt64), seen.cpu());
    }
    if (!job.png.empty()) {
      KIT_TRY(
          SaveMap(job.png / ("clip_" + std::to_string(index / 2) + ".png"), small.slice(0, 1, 2).cpu(), seen.cpu()));
    }
  }
  if (confusion.sum().item<int64_t>() > 0) PrintClasses("clip", confusion);
  return Ok();
}

}  // namespace

Status RunReport(const std::filesystem::path& folder, Seeds seeds, const ReportJob& job) {
  KIT_ASSIGN(const std::unique_ptr<Nets> nets, Nets::Load(job.nets, Device{}));
  return Guarded("report", [&]() -> Status {
    if (!job.png.empty()) std::filesystem::create_directories(job.png);
    KIT_ASSIGN(const Scenes scenes, LoadScenes(folder, seeds));
    Tensor confusion = torch::zeros({kClasses, kClasses}, torch::kInt64);
    std::vector<Tensor> truth, found;
    for (int64_t i = 0; i < scenes.count(); ++i) {
      const Tensor views = scenes.pictures[i].to(torch::kFloat32);
      const Tensor last = views.slice(0, kViews - 1, kViews);
      const Tensor seen = SeenClasses(nets->modules(), last);
      confusion += Confusion(scenes.maps[i].to(torch::kInt64), seen);
      if (!job.png.empty() && i < 12) {
        KIT_TRY(SaveMap(job.png / ("scene_" + std::to_string(i) + ".png"), last, seen));
      }
      const torch::NoGradGuard no_grad;
      for (const int64_t pair : kConsecutive) {
        const int64_t a = kFirstView[pair], b = kSecondView[pair];
        truth.push_back(scenes.poses[i][pair]);
        found.push_back(PoseOutputs(nets->modules(), views.slice(0, a, a + 1), views.slice(0, b, b + 1))[0]);
      }
    }
    PrintClasses("held out", confusion);
    const Tensor t = torch::stack(truth), f = torch::stack(found);
    const Tensor error = (f - t).square().mean(0), spread = (t - t.mean(0)).square().mean(0);
    std::printf("held out, %lld pairs:\n| motion | spread | error | R2 |\n| --- | --- | --- | --- |\n",
                static_cast<long long>(t.size(0)));
    for (int64_t axis = 0; axis < 6; ++axis) {
      const double e = error[axis].item<double>(), s = spread[axis].item<double>();
      std::printf("| %s | %.4f | %.4f | %.3f |\n", kPoseNames[axis], std::sqrt(s), std::sqrt(e), 1 - e / s);
    }
    PrintSensitivity(nets->modules(), scenes);
    return job.clip.empty() ? Ok() : ReportClip(*nets, job);
  });
}

}  // namespace kitsink::standin
