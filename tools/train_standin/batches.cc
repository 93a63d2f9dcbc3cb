// Draws batches from scenes and varies them.

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
constexpr double kLongPair = 0.5;  // share of pairs of the first and last view, in which all speeds are equally likely
constexpr double kSegNoise = 14, kPoseNoise = 6;  // grey levels, at most
// Of roll, pitch and yaw. The rolls of the scenes move the picture a quarter as far as pitch and yaw do, so added rolls
// are four times as large.
constexpr float kAddedTurns[] = {4, 1, 1};

double Uniform(double low, double high) { return low + (high - low) * torch::rand({1}).item<double>(); }
bool Chance(double probability) { return Uniform(0, 1) < probability; }
int64_t Below(int64_t bound) { return torch::randint(bound, {1}).item<int64_t>(); }

// What light, lens and sensor do to a picture.
struct Look {
  Tensor gain, offset;  // [3, 1, 1]
  Tensor tint;          // [1, 3, 6, 8], grey levels, enlarged to the picture's size; undefined: no tint
  double blur = 0;      // share of the 3 x 3 mean in the picture
  double noise = 0;     // grey levels, standard deviation
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

// Uniform noise of variance 1, cut out of a large one at a random place. To draw it anew costs more than a layer of a
// net.
Tensor CutNoise(int64_t height, int64_t width) {
  static const Tensor kNoise = [] {
    auto generator = at::detail::createCPUGenerator(4711);
    return (torch::rand({3, 640, 800}, generator) - 0.5) * std::sqrt(12.0);
  }();
  const int64_t y = Below(kNoise.size(1) - height + 1), x = Below(kNoise.size(2) - width + 1);
  return kNoise.narrow(1, y, height).narrow(2, x, width);
}

// Changes `picture`, float [3, H, W], in place. Copies of a whole batch would not fit the caches.
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

// The matrix from directions in the turned camera to directions in the camera before. The turn is about the axes of the
// car, not of the mounted camera.
road::Mat3 TurnOf(const Tensor& angles, const Tensor& mounts) {
  const auto at = [](const Tensor& t, int64_t i) { return t[i].item<double>(); };
  const road::Mat3 mount = road::FromEuler(0, at(mounts, 0), at(mounts, 1));
  return road::Transposed(mount) * (road::FromEuler(at(angles, 0), at(angles, 1), at(angles, 2)) * mount);
}

// Takes points of the model grid to where they lie once their directions are multiplied by `m`: x and y.
std::pair<Tensor, Tensor> MovePoints(const road::Mat3& m, const Tensor& column, const Tensor& row) {
  const road::Lens lens = road::Lens::For(kModelGrid);
  const Tensor x = (column - lens.center_x) / lens.focal_x, y = (row - lens.center_y) / lens.focal_y;
  const Tensor ahead = m.x.x + m.y.x * x + m.z.x * y;
  const Tensor across = (m.x.y + m.y.y * x + m.z.y * y) / ahead, down = (m.x.z + m.y.z * x + m.z.z * y) / ahead;
  return {across * lens.focal_x + lens.center_x, down * lens.focal_y + lens.center_y};
}

// The centres of the cells of a grid whose cells are `step` cells of the model grid wide: a row of x, a column of y.
std::pair<Tensor, Tensor> Middles(int64_t step) {
  const auto along = [step](int64_t size) { return (torch::arange(size / step) + 0.5) * step; };
  return {along(kModelGrid.width).view({1, -1}), along(kModelGrid.height).view({-1, 1})};
}

// A rectangle of the model grid, in its cells, all multiples of kTrackStep.
struct Window {
  int64_t y = 0, x = 0, height = kModelGrid.height, width = kModelGrid.width;

  // The window's part of a tensor that has one value for every `step` cells.
  Tensor Of(const Tensor& t, int64_t step = 1) const {
    return t.narrow(-2, y / step, height / step).narrow(-1, x / step, width / step);
  }
};

Window DrawWindow(bool whole) {
  Window window;
  if (whole) return window;
  window.height /= 2;
  window.width /= 2;
  window.y = Below(window.height / kTrackStep + 1) * kTrackStep;
  window.x = Below(window.width / kTrackStep + 1) * kTrackStep;
  return window;
}

// The window of the picture that the turned camera takes.
Tensor TurnPicture(const road::Mat3& turn, const Tensor& picture, const Window& window) {
  const auto [columns, rows] = Middles(1);
  const auto [x, y] =
      MovePoints(turn, columns.narrow(1, window.x, window.width), rows.narrow(0, window.y, window.height));
  const Tensor grid = torch::stack({x * (2.0 / kModelGrid.width) - 1, y * (2.0 / kModelGrid.height) - 1}, 2);
  const auto options =
      F::GridSampleFuncOptions().mode(torch::kBilinear).padding_mode(torch::kBorder).align_corners(false);
  return F::grid_sample(picture.unsqueeze(0), grid.to(torch::kFloat32).unsqueeze(0), options)[0];
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

PoseBatch DrawPoseBatch(const Scenes& scenes, const PoseScale& scale, double turns, int64_t size, bool whole) {
  static const auto kMiddles = Middles(kTrackStep);
  std::vector<Tensor> f0, f1, poses, flows, knowns;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t scene = Below(scenes.count()), pair = Chance(kLongPair) ? 1 : 2 * Below(2);
    const bool still = Chance(kStandStill);
    const Window window = DrawWindow(whole);
    const Tensor& pictures = scenes.pictures[scene];
    const Tensor later = pictures[still ? kFirstView[pair] : kSecondView[pair]];
    Tensor first = window.Of(pictures[kFirstView[pair]]).to(torch::kFloat32);
    Tensor second = window.Of(later).to(torch::kFloat32);
    Tensor pose = still ? torch::zeros({6}) : scenes.poses[scene][pair].clone();
    Tensor x = scenes.tracks[scene][pair][0], y = scenes.tracks[scene][pair][1];
    if (still) {
      x = kMiddles.first.expand_as(x).to(torch::kFloat32);
      y = kMiddles.second.expand_as(y).to(torch::kFloat32);
    }
    if (Chance(kTurned)) {
      const Tensor spread = scale.spread.slice(0, 3, 6) * torch::tensor(at::ArrayRef<float>(kAddedTurns));
      const Tensor rate = Uniform(0, turns) * torch::randn({3}) * spread;
      const road::Mat3 turn = TurnOf(rate * kFrameSeconds, scenes.mounts[scene]);
      // Our own car turns with the camera.
      const Tensor own = scenes.maps[scene] == int{road::kOwnCar};
      second = torch::where(window.Of(own), second, TurnPicture(turn, later.to(torch::kFloat32), window));
      const Tensor own_cells = own.slice(0, kTrackStep / 2, {}, kTrackStep).slice(1, kTrackStep / 2, {}, kTrackStep);
      const auto [turned_x, turned_y] = MovePoints(road::Transposed(turn), x, y);
      x = torch::where(own_cells, x, turned_x);
      y = torch::where(own_cells, y, turned_y);
      pose.slice(0, 3, 6).add_(rate);
    }
    Tensor flow = window.Of(torch::stack({x - kMiddles.first, y - kMiddles.second}), kTrackStep).to(torch::kFloat32);
    if (Chance(kMirrored)) {
      first = first.flip({-1});
      second = second.flip({-1});
      pose = pose * torch::tensor({1.0F, -1.0F, 1.0F, -1.0F, 1.0F, -1.0F});
      flow = flow.flip({-1}) * torch::tensor({-1.0F, 1.0F}).view({2, 1, 1});
    }
    f0.push_back(first.contiguous());
    f1.push_back(second.contiguous());
    poses.push_back(pose);
    const Tensor known = flow.slice(0, 0, 1).isfinite();
    flows.push_back(torch::where(known, flow, torch::zeros({})));
    knowns.push_back(known);
    Look look = DrawLook(kPoseNoise);
    Apply(look, f0.back());
    look.gain = look.gain * std::exp(Uniform(-0.01, 0.01));  // the exposure changes a little from frame to frame
    Apply(look, f1.back());
  }
  return {torch::stack(f0), torch::stack(f1), torch::stack(poses), torch::stack(flows), torch::stack(knowns)};
}

}  // namespace kitsink::standin
