#include "train_standin/batches.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "kitsink/frame.h"
#include "render_road/raster.h"
#include "render_road/render.h"

namespace kitsink::standin {
namespace {

using torch::Tensor;
namespace F = torch::nn::functional;

constexpr double kStandStill = 0.08, kTurned = 0.7, kMirrored = 0.5, kBlurred = 0.35, kTinted = 0.5;
constexpr double kSegNoise = 14, kPoseNoise = 6;  // grey levels, at most

double Uniform(double low, double high) { return low + (high - low) * torch::rand({1}).item<double>(); }
bool Chance(double probability) { return Uniform(0, 1) < probability; }
int64_t Below(int64_t bound) { return torch::randint(bound, {1}).item<int64_t>(); }

// What light, lens and sensor may have done to a picture.
struct Look {
  Tensor gain, offset;  // [3, 1, 1]
  Tensor tint;          // [1, 3, 6, 8], enlarged to the picture; undefined for none
  double blur = 0;      // share of a 3 x 3 mean
  double noise = 0;     // grey levels
};

Look DrawLook(double most_noise) {
  Look look;
  look.gain = torch::exp(0.3 * torch::randn({1, 1, 1}) + 0.08 * torch::randn({3, 1, 1}));
  look.offset = 10 * torch::randn({1, 1, 1}) + 4 * torch::randn({3, 1, 1});
  if (Chance(kTinted)) look.tint = 14 * Uniform(0, 1) * torch::randn({1, 3, 6, 8});
  if (Chance(kBlurred)) look.blur = Uniform(0, 1);
  look.noise = most_noise * std::pow(Uniform(0, 1), 2);
  return look;
}

// Flat noise of variance 1, drawn once and cut out at random places: drawing it anew costs more than a net's layer.
Tensor CutNoise(int64_t height, int64_t width) {
  static const Tensor kNoise = [] {
    auto generator = at::detail::createCPUGenerator(4711);
    return (torch::rand({3, 640, 800}, generator) - 0.5) * std::sqrt(12.0);
  }();
  const int64_t y = Below(kNoise.size(1) - height + 1), x = Below(kNoise.size(2) - width + 1);
  return kNoise.narrow(1, y, height).narrow(2, x, width);
}

// Changes `picture`, float [3, H, W], in place: a batch of copies is larger than the caches.
void Apply(const Look& look, Tensor picture) {
  const std::vector<int64_t> size = {picture.size(1), picture.size(2)};
  picture.mul_(look.gain).add_(look.offset);
  if (look.tint.defined()) {
    const auto enlarge = F::InterpolateFuncOptions().size(size).mode(torch::kBilinear).align_corners(true);
    picture.add_(F::interpolate(look.tint, enlarge)[0]);
  }
  if (look.blur > 0) picture.lerp_(torch::avg_pool2d(picture, 3, 1, 1, false, false), look.blur);
  picture.add_(CutNoise(size[0], size[1]), look.noise).clamp_(0, 255);
}

// The grid that shows a picture as the same camera, turned by `turn`, would have taken it.
Tensor TurnedGrid(const road::Vec3& turn, double mount_pitch, double mount_yaw) {
  const road::Lens lens = road::Lens::For(kModelGrid);
  const road::Mat3 mount = road::FromEuler(0, mount_pitch, mount_yaw);
  const road::Mat3 m = road::Transposed(mount) * (road::FromEuler(turn.x, turn.y, turn.z) * mount);
  const Tensor x = ((torch::arange(int64_t{kModelGrid.width}) + 0.5 - lens.center_x) / lens.focal_x).view({1, -1});
  const Tensor y = ((torch::arange(int64_t{kModelGrid.height}) + 0.5 - lens.center_y) / lens.focal_y).view({-1, 1});
  const Tensor ahead = m.x.x + m.y.x * x + m.z.x * y;
  const Tensor across = (m.x.y + m.y.y * x + m.z.y * y) / ahead, down = (m.x.z + m.y.z * x + m.z.z * y) / ahead;
  return torch::stack({(across * lens.focal_x + lens.center_x) * (2.0 / kModelGrid.width) - 1,
                       (down * lens.focal_y + lens.center_y) * (2.0 / kModelGrid.height) - 1},
                      2)
      .to(torch::kFloat32);
}

}  // namespace

SegBatch DrawSegBatch(const Scenes& scenes, int64_t size, int64_t height, int64_t width) {
  std::vector<Tensor> pictures, maps;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t scene = Below(scenes.count());
    const int64_t y = Below(kModelGrid.height - height + 1), x = Below(kModelGrid.width - width + 1);
    const auto crop = [&](const Tensor& t) { return t.narrow(-2, y, height).narrow(-1, x, width); };
    const bool mirrored = Chance(kMirrored);
    const auto face = [&](const Tensor& t) { return mirrored ? t.flip({-1}) : t; };
    pictures.push_back(face(crop(scenes.pictures[scene][kViews - 1])).to(torch::kFloat32).contiguous());
    Apply(DrawLook(kSegNoise), pictures.back());
    maps.push_back(face(crop(scenes.maps[scene])).to(torch::kInt64));
  }
  return {torch::stack(pictures), torch::stack(maps)};
}

PoseScale MeasurePoses(const Scenes& scenes) {
  const Tensor poses = scenes.poses.flatten(0, 1);
  return {poses.mean(0), poses.std(0)};
}

PoseBatch DrawPoseBatch(const Scenes& scenes, const PoseScale& scale, double turns, int64_t size) {
  std::vector<Tensor> f0, f1, poses;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t scene = Below(scenes.count()), pair = Below(kPairs);
    const bool still = Chance(kStandStill);
    Tensor first = scenes.pictures[scene][kFirstView[pair]].to(torch::kFloat32);
    Tensor second = still ? first.clone() : scenes.pictures[scene][kSecondView[pair]].to(torch::kFloat32);
    Tensor pose = still ? torch::zeros({6}) : scenes.poses[scene][pair].clone();
    if (Chance(kTurned)) {
      const Tensor rate = Uniform(0, turns) * torch::randn({3}) * scale.spread.slice(0, 3, 6);
      const auto angle = [&](int64_t axis) { return rate[axis].item<double>() * kFrameSeconds; };
      const Tensor grid = TurnedGrid({angle(0), angle(1), angle(2)}, scenes.mounts[scene][0].item<double>(),
                                     scenes.mounts[scene][1].item<double>());
      const Tensor turned = F::grid_sample(
          second.unsqueeze(0), grid.unsqueeze(0),
          F::GridSampleFuncOptions().mode(torch::kBilinear).padding_mode(torch::kBorder).align_corners(false));
      // Our own car turns with the camera.
      second = torch::where(scenes.maps[scene] == int{road::kOwnCar}, second, turned[0]);
      pose.slice(0, 3, 6).add_(rate);
    }
    if (Chance(kMirrored)) {
      first = first.flip({-1});
      second = second.flip({-1});
      pose = pose * torch::tensor({1.0F, -1.0F, 1.0F, -1.0F, 1.0F, -1.0F});
    }
    f0.push_back(first.contiguous());
    f1.push_back(second.contiguous());
    poses.push_back(pose);
    Look look = DrawLook(kPoseNoise);
    Apply(look, f0.back());
    look.gain = look.gain * std::exp(Uniform(-0.01, 0.01));  // exposure follows the scene
    Apply(look, f1.back());
  }
  return {torch::stack(f0), torch::stack(f1), torch::stack(poses)};
}

}  // namespace kitsink::standin
