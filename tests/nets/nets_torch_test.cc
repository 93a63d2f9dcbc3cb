// Tests the nets room's LibTorch interface, and compares the nets with outputs and gradients of upstream's code on
// synthetic weights and frames.

#include "nets/nets_torch.h"

#include <algorithm>

#include "codecs/search/channels_last.h"
#include "codecs/search/generator.h"
#include "nets/golden_nets.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::GoldenPair;
using testing::SharedData;
using torch::Tensor;
using torch::indexing::Slice;

constexpr const char* kGolden = "golden/index.json";
constexpr double kInputTolerance = 2e-6;  // LibTorch 1.13 and 2.10 resize 1e-6 apart

template <typename T>
T Must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.TakeValue();
}

TensorFile GoldenFile(bool segnet) {
  const auto keys = SharedData(segnet ? "golden/segnet_keys.tsv" : "golden/posenet_keys.tsv");
  return testing::FileOf(testing::GoldenWeights(keys, segnet));
}

Nets::Modules GoldenNets() {
  ConfigureTorch(2);
  Nets::Modules modules;
  const TensorFile segnet = GoldenFile(true);
  modules.segnet = CreateSegNet(Must(ReadSegNetShape(segnet)));
  const Status segnet_loaded = LoadTensors(segnet, *modules.segnet);
  EXPECT_TRUE(segnet_loaded.ok()) << segnet_loaded.error().message;
  const TensorFile posenet = GoldenFile(false);
  modules.posenet = CreatePoseNet(Must(ReadPoseNetShape(posenet)));
  const Status posenet_loaded = LoadTensors(posenet, *modules.posenet);
  EXPECT_TRUE(posenet_loaded.ok()) << posenet_loaded.error().message;
  return modules;
}

Tensor GoldenValues(const std::string& name, const Tensor& like) {
  std::ifstream file(SharedData("golden/" + name), std::ios::binary);
  std::vector<float> values(static_cast<size_t>(like.numel()));
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  EXPECT_TRUE(file.good() && file.peek() == EOF) << name << " does not have " << values.size() << " values";
  return torch::tensor(values).view(like.sizes());
}

// |a - b| / |b|.
double RelativeDistance(const Tensor& a, const Tensor& b) {
  const Tensor reference = b.to(torch::kFloat64);
  return ((a.detach().to(torch::kFloat64) - reference).norm() / reference.norm()).item<double>();
}

double DistanceFromGolden(const std::string& name, const Tensor& values) {
  return RelativeDistance(values, GoldenValues(name, values));
}

Tensor EveryNth(const Tensor& planes, int64_t step) {
  return planes.index({Slice(), Slice(torch::indexing::None, torch::indexing::None, step),
                       Slice(torch::indexing::None, torch::indexing::None, step)});
}

struct Sample {
  Tensor f0, f1;  // [1, 3, 874, 1164]
};

Sample MakeSample(char name) {
  const FramePair pair = GoldenPair(name);
  const Frame* f0 = &pair.f0;
  const Frame* f1 = &pair.f1;
  return {FramesToTensor(std::span(&f0, 1), torch::kCPU), FramesToTensor(std::span(&f1, 1), torch::kCPU)};
}

TEST(Tensors, FramesSurviveTheWayThere) {
  testing::Random random(5);
  const FrameSize size{37, 21};
  const std::vector<Frame> frames = {{size, random.Bytes(size.size_bytes())}, {size, random.Bytes(size.size_bytes())}};
  const Frame* pointers[] = {&frames[0], &frames[1]};
  const Tensor tensor = FramesToTensor(pointers, torch::kCPU);
  EXPECT_EQ(tensor[1][2][20][36].item<float>(), static_cast<float>(frames[1].rgb.back()));
  const std::vector<Frame> back = TensorToFrames(tensor);
  ASSERT_EQ(back.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(back[i].size, size);
    EXPECT_EQ(back[i].rgb, frames[i].rgb);
  }
  // Values are clamped, and halves are rounded to even.
  const Tensor odd = torch::tensor({-3.0F, 0.5F, 1.5F, 254.5F, 255.5F, 300.0F}).view({1, 3, 1, 2});
  EXPECT_EQ(TensorToFrames(odd)[0].rgb, (std::vector<uint8_t>{0, 2, 255, 0, 254, 255}));
}

TEST(Tensors, RoundingPassesTheGradientInsideTheRange) {
  const Tensor x = torch::tensor({-5.0F, 0.3F, 1.5F, 99.6F, 260.0F}).set_requires_grad(true);
  const Tensor y = RoundSte(x);
  EXPECT_TRUE(torch::equal(y.detach(), torch::tensor({0.0F, 0.0F, 2.0F, 100.0F, 255.0F})));
  const Tensor gradient = torch::autograd::grad({y.sum()}, {x})[0];
  EXPECT_TRUE(torch::equal(gradient, torch::tensor({0.0F, 1.0F, 1.0F, 1.0F, 0.0F})));
}

TEST(Tensors, PoseInputHasUpstreamsPlanes) {
  // One square of four pixels; pure blue and pure red exceed the chroma range and are clamped.
  const Tensor f0 = torch::tensor({0.0F, 255.0F, 10.0F, 200.0F, 0.0F, 0.0F, 20.0F, 100.0F, 255.0F, 0.0F, 30.0F, 50.0F})
                        .view({1, 3, 2, 2});
  const Tensor f1 = torch::full({1, 3, 2, 2}, 128.0F).set_requires_grad(true);
  const Tensor input = PoseInput(f0, f1);
  ASSERT_EQ(input.sizes(), (std::vector<int64_t>{1, 12, 1, 1}));
  const float y[] = {0.114F * 255, 0.299F * 255, 0.299F * 10 + 0.587F * 20 + 0.114F * 30,
                     0.299F * 200 + 0.587F * 100 + 0.114F * 50};
  const float r[] = {0, 255, 10, 200}, b[] = {255, 0, 30, 50};
  float u = 0, v = 0;
  for (int i = 0; i < 4; ++i) {
    u += std::clamp((b[i] - y[i]) / 1.772F + 128, 0.0F, 255.0F) / 4;
    v += std::clamp((r[i] - y[i]) / 1.402F + 128, 0.0F, 255.0F) / 4;
  }
  // Rows before columns: even-even, odd-even, even-odd, odd-odd.
  const float expected[] = {y[0], y[2], y[1], y[3], u, v, 128, 128, 128, 128, 128, 128};
  for (int i = 0; i < 12; ++i) EXPECT_NEAR(input[0][i].item<float>(), expected[i], 1e-3F) << i;
  const Tensor gradient = torch::autograd::grad({input.sum()}, {f1})[0];
  EXPECT_GT(gradient.abs().min().item<float>(), 0.0F) << "the search would not move";
}

TEST(Guarded, TurnsForeignExceptionsIntoErrors) {
  const Status status = Guarded("here", []() -> Status {
    const Tensor mismatch = torch::ones({2}) + torch::ones({3});
    return Ok();
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_EQ(status.error().message.rfind("here: ", 0), 0U);
  EXPECT_EQ(status.error().message.find('\n'), std::string::npos);
}

TEST(GoldenRecipe, WeightsAndFramesHaveThePublishedChecksums) {
  KIT_SHARED_DATA_OR_SKIP(golden, kGolden);
  EXPECT_EQ(testing::Crc32OfValues(testing::GoldenWeights(SharedData("golden/segnet_keys.tsv"), true)), 0x826a07f7U);
  EXPECT_EQ(testing::Crc32OfValues(testing::GoldenWeights(SharedData("golden/posenet_keys.tsv"), false)), 0xd05f5793U);
  const uint32_t crcs[] = {644629062, 1683973772, 215442304, 1962763740, 2994449267, 1402651133};
  for (int i = 0; i < 3; ++i) {
    const FramePair pair = GoldenPair(static_cast<char>('A' + i));
    EXPECT_EQ(Crc32(pair.f0.rgb, 0), crcs[2 * i]);
    EXPECT_EQ(Crc32(pair.f1.rgb, 0), crcs[2 * i + 1]);
  }
}

TEST(GoldenNets, InputsLogitsClassesAndPosesAgree) {
  KIT_SHARED_DATA_OR_SKIP(golden, kGolden);
  const torch::NoGradGuard no_grad;
  Nets::Modules modules = GoldenNets();
  for (const char name : {'A', 'B', 'C'}) {
    SCOPED_TRACE(name);
    const std::string letter(1, name);
    const Sample sample = MakeSample(name);
    const Tensor small_f0 = ResizeToModelGrid(sample.f0), small_f1 = ResizeToModelGrid(sample.f1);
    EXPECT_LT(DistanceFromGolden("segnet_in_" + letter + "_s7.f32", EveryNth(small_f1[0], 7)), kInputTolerance);
    const Tensor pose_input = PoseInput(small_f0, small_f1);
    EXPECT_LT(DistanceFromGolden("posenet_in_" + letter + "_s7.f32", EveryNth(pose_input[0], 7)), kInputTolerance);
    const Tensor logits = SegLogits(modules, small_f1);
    EXPECT_LT(DistanceFromGolden("seg_logits_" + letter + "_s5.f32", EveryNth(logits[0], 5)), 1e-4);
    EXPECT_LT(DistanceFromGolden("pose_" + letter + ".f32", modules.posenet->Forward(pose_input)[0]), 1e-4);
    const Result<Bytes> classes = ReadFile(SharedData("golden/seg_argmax_" + letter + ".u8"), 1 << 20);
    ASSERT_TRUE(classes.ok());
    const Tensor map = logits.argmax(1).to(torch::kUInt8).flatten();
    ASSERT_EQ(static_cast<size_t>(map.numel()), classes.value().size());
    int different = 0;
    for (size_t i = 0; i < classes.value().size(); ++i) different += map.data_ptr<uint8_t>()[i] != classes.value()[i];
    EXPECT_LE(different, 20);
  }
}

TEST(GoldenNets, DistortionsAgree) {
  KIT_SHARED_DATA_OR_SKIP(golden, kGolden);
  testing::TemporaryFolder folder;
  for (const bool segnet : {true, false}) {
    const auto keys = SharedData(segnet ? "golden/segnet_keys.tsv" : "golden/posenet_keys.tsv");
    const auto path = folder / (segnet ? "segnet.safetensors" : "posenet.safetensors");
    ASSERT_TRUE(
        WriteFile(path, WriteTensors(testing::FileOf(testing::GoldenWeights(keys, segnet))), Overwrite::kRefuse).ok());
  }
  ConfigureTorch(2);
  const auto nets = Must(Nets::Load(folder.path(), Device{}));
  EXPECT_EQ(nets->info().label, "stand-in nets");
  EXPECT_FALSE(nets->info().contest);
  const std::vector<FramePair> pairs = {GoldenPair('A'), GoldenPair('B'), GoldenPair('C')};
  const std::vector<Observation> seen = Must(nets->Observe(pairs));
  ASSERT_EQ(seen.size(), 3U);
  const double expected_pose[] = {0, 0.00164045009, 0.053322982};
  const int expected_pixels[] = {0, 18585, 41064};
  for (const size_t other : {1, 2}) {
    double pose = 0;
    for (size_t i = 0; i < 6; ++i) {
      const double difference = seen[0].pose[i] - seen[other].pose[i];
      pose += difference * difference / 6;
    }
    EXPECT_NEAR(pose / expected_pose[other], 1.0, 1e-3);
    int pixels = 0;
    for (size_t i = 0; i < seen[0].class_map.size(); ++i) {
      pixels += seen[0].class_map[i] != seen[other].class_map[i];
    }
    EXPECT_NEAR(pixels, expected_pixels[other], 20);
  }
}

TEST(GoldenNets, GradientsAgree) {
  KIT_SHARED_DATA_OR_SKIP(golden, kGolden);
  Nets::Modules modules = GoldenNets();
  const Sample sample = MakeSample('A');
  const Tensor f0 = sample.f0.contiguous().set_requires_grad(true);
  const Tensor f1 = sample.f1.contiguous().set_requires_grad(true);

  const Tensor small_f1 = ResizeToModelGrid(f1);
  const Tensor logits = SegLogits(modules, small_f1);
  const Tensor y = torch::arange(384).div(48, "floor").view({384, 1});
  const Tensor x = torch::arange(512).div(64, "floor").view({1, 512});
  const Tensor seg_loss = torch::nn::functional::cross_entropy(logits, (y + x).remainder(5).unsqueeze(0));
  EXPECT_NEAR(seg_loss.item<double>(), 2.62202477, 1e-4);
  const auto seg = torch::autograd::grad({seg_loss}, {f1, small_f1});
  EXPECT_LT(DistanceFromGolden("grad_seg_frame1_s13.f32", EveryNth(seg[0][0], 13)), 2e-2);
  EXPECT_LT(DistanceFromGolden("grad_seg_in_s5.f32", EveryNth(seg[1][0], 5)), 2e-2);

  const Tensor input = PoseInput(ResizeToModelGrid(f0), ResizeToModelGrid(f1));
  const Tensor pose_loss = modules.posenet->Forward(input).slice(1, 0, 6).square().mean();
  EXPECT_NEAR(pose_loss.item<double>(), 1.39035285, 1e-4);
  const auto pose = torch::autograd::grad({pose_loss}, {f0, f1, input});
  EXPECT_LT(DistanceFromGolden("grad_pose_frame0_s13.f32", EveryNth(pose[0][0], 13)), 1e-3);
  EXPECT_LT(DistanceFromGolden("grad_pose_frame1_s13.f32", EveryNth(pose[1][0], 13)), 1e-3);
  EXPECT_LT(DistanceFromGolden("grad_pose_in_s3.f32", EveryNth(pose[2][0], 3)), 1e-3);
}

TEST(GoldenNets, FoldingKeepsTheFunction) {
  KIT_SHARED_DATA_OR_SKIP(golden, kGolden);
  Nets::Modules modules = GoldenNets();
  const Sample sample = MakeSample('A');
  const torch::NoGradGuard no_grad;
  const Tensor small_f0 = ResizeToModelGrid(sample.f0), small_f1 = ResizeToModelGrid(sample.f1);
  const Tensor logits = SegLogits(modules, small_f1);
  const Tensor pose = PoseOutputs(modules, small_f0, small_f1);
  modules.segnet->Fold();
  modules.posenet->Fold();
  const Tensor folded_logits = SegLogits(modules, small_f1);
  EXPECT_LT(RelativeDistance(folded_logits, logits), 1e-4);
  EXPECT_LE((folded_logits.argmax(1) != logits.argmax(1)).sum().item<int64_t>(), 20);
  EXPECT_LT(RelativeDistance(PoseOutputs(modules, small_f0, small_f1), pose), 1e-4);
  EXPECT_FALSE(torch::equal(folded_logits, logits)) << "nothing was folded";
}

TEST(StandInNets, FoldingKeepsTheFunction) {
  ConfigureTorch(2);
  const auto nets = Must(Nets::Load(std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin", Device{}));
  const FramePair pair = GoldenPair('A');
  const Frame *f0 = &pair.f0, *f1 = &pair.f1;
  const torch::NoGradGuard no_grad;
  const Tensor small_f0 = ResizeToModelGrid(FramesToTensor(std::span(&f0, 1), torch::kCPU));
  const Tensor small_f1 = ResizeToModelGrid(FramesToTensor(std::span(&f1, 1), torch::kCPU));
  const Tensor logits = SegLogits(nets->modules(), small_f1);
  const Tensor pose = PoseOutputs(nets->modules(), small_f0, small_f1);
  nets->modules().segnet->Fold();
  nets->modules().posenet->Fold();
  EXPECT_LT(RelativeDistance(SegLogits(nets->modules(), small_f1), logits), 1e-4);
  EXPECT_LT(RelativeDistance(PoseOutputs(nets->modules(), small_f0, small_f1), pose), 1e-4);
  nets->modules().posenet->Fold();  // a second time changes nothing
  EXPECT_LT(RelativeDistance(PoseOutputs(nets->modules(), small_f0, small_f1), pose), 1e-4);
}

// The standard output of a shell command; empty when it fails.
Bytes OutputOf(const std::string& command) {
  Bytes bytes;
  FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return bytes;
  uint8_t block[1 << 16];
  for (size_t got = 0; (got = fread(block, 1, sizeof(block), pipe)) > 0;) {
    bytes.insert(bytes.end(), block, block + got);
  }
  pclose(pipe);
  return bytes;
}

TEST(GoldenGenerator, RendersThePublishedPictures) {
  KIT_SHARED_DATA_OR_SKIP(weights, "generator/generator.safetensors");
  KIT_SHARED_DATA_OR_SKIP(maps, "masks/class_maps_600x384x512.u8.xz");
  KIT_SHARED_DATA_OR_SKIP(poses, "poses/poses_600x6.f32");
  const torch::NoGradGuard no_grad;
  ConfigureTorch(2);
  const TensorFile file = Must(LoadTensorFile(weights)).file;
  std::vector<Tensor> values;
  for (const TensorSpec& spec : search::GeneratorTensors(search::GeneratorShape{})) {
    const FileTensor* const entry = file.Find(spec.name);
    ASSERT_NE(entry, nullptr) << spec.name;
    ASSERT_EQ(entry->shape, std::vector<int64_t>(spec.shape.begin(), spec.shape.end())) << spec.name;
    values.push_back(torch::tensor(FloatsOf(*entry)).view(entry->shape));
  }
  EXPECT_EQ(values.size(), file.tensors.size());
  const Bytes pose_bytes = Must(ReadFile(poses, 1 << 20));
  for (const int64_t pair : {0, 300}) {
    MaskClip clip{512, 384, 1, 5, {}};
    clip.ids = OutputOf("xz -dc '" + maps.string() + "' | tail -c +" + std::to_string(pair * 196608 + 1) +
                        " | head -c 196608");
    if (clip.ids.size() != clip.map_bytes()) GTEST_SKIP() << "needs the xz command";
    ByteReader reader(std::span<const uint8_t>(pose_bytes).subspan(static_cast<size_t>(pair) * 24, 24));
    std::vector<float> pose(6);
    for (float& value : pose) value = reader.F32();
    const auto [f0, f1] =
        search::GeneratorForward(search::GeneratorShape{}, values, search::ClassMapsToTensor(clip, 0, 1, torch::kCPU),
                                 torch::tensor(pose).view({1, 6}));
    int index = 0;
    for (const Tensor& small : {f0, f1}) {
      char name[32];
      std::snprintf(name, sizeof(name), "generator/pair%03d_f%d.png", static_cast<int>(pair), index++);
      SCOPED_TRACE(name);
      const Bytes expected =
          OutputOf("ffmpeg -loglevel error -i '" + SharedData(name).string() + "' -f rawvideo -pix_fmt rgb24 -");
      if (expected.empty()) GTEST_SKIP() << "needs the ffmpeg command";
      const Bytes rgb = TensorToFrames(UpsampleToFrame(small, kContestFrameSize))[0].rgb;
      ASSERT_EQ(rgb.size(), expected.size());
      size_t off = 0, far = 0;
      for (size_t i = 0; i < rgb.size(); ++i) {
        off += rgb[i] != expected[i];
        far += std::abs(rgb[i] - expected[i]) > 1;
      }
      EXPECT_EQ(far, 0U);                                                           // no byte by more than 1
      EXPECT_LT(static_cast<double>(off), 0.01 * static_cast<double>(rgb.size()));  // measured: 0.0005
    }
  }
}

// Values and gradients are those of LibTorch's layers, in either layout.
TEST(ChannelsLast, AgreesWithLibTorchsLayers) {
  torch::manual_seed(5);
  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    const Tensor start = (3 * torch::randn({2, 6, 9, 7}) + 1).contiguous(format);
    const Tensor weight = torch::randn({6}), bias = torch::randn({6}), mix = torch::randn({4, 6, 1, 1});
    const Tensor mix_bias = torch::randn({4}), pull = torch::randn({2, 4, 9, 7});
    const auto run = [&](bool own) {
      std::vector<Tensor> leaves;
      for (const Tensor& value : {start, weight, bias, mix, mix_bias})
        leaves.push_back(value.detach().clone().requires_grad_(true));
      const Tensor y = own ? search::GroupNorm(leaves[0], 3, leaves[1], leaves[2], 1e-5)
                           : torch::group_norm(leaves[0], 3, leaves[1], leaves[2], 1e-5);
      const Tensor z = own ? search::PointwiseConv(y, leaves[3], leaves[4]) : torch::conv2d(y, leaves[3], leaves[4]);
      (torch::silu(z) * pull).sum().backward();
      std::vector<Tensor> results{z.detach()};
      for (const Tensor& leaf : leaves) results.push_back(leaf.grad());
      return results;
    };
    const std::vector<Tensor> own = run(true), theirs = run(false);
    for (size_t i = 0; i < own.size(); ++i) {
      ASSERT_EQ(own[i].sizes(), theirs[i].sizes());
      EXPECT_LT((own[i] - theirs[i]).abs().max().item<float>(), 2e-5 * theirs[i].abs().max().item<float>()) << i;
    }
  }
}

}  // namespace
}  // namespace kitsink
