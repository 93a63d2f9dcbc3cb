// The nets room through its public header and its safetensors files; no LibTorch types.

#include "kitsink/nets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <numeric>
#include <set>
#include <sstream>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "nets/safetensors.h"
#include "testlib.h"

namespace kitsink {
namespace {

const std::filesystem::path kStandIn = std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin";

Bytes FileOf(const std::string& header, size_t data_bytes) {
  ByteWriter writer;
  writer.U64(header.size());
  writer.Append(std::span(reinterpret_cast<const uint8_t*>(header.data()), header.size()));
  writer.Append(Bytes(data_bytes));
  return writer.Take();
}

// The code and the sentence with which a file is refused.
void ExpectRefused(Bytes bytes, Code code, const std::string& text) {
  const Result<TensorFile> file = TensorFile::Read(std::move(bytes));
  ASSERT_FALSE(file.ok()) << text;
  EXPECT_EQ(file.error().code, code) << file.error().message;
  EXPECT_NE(file.error().message.find(text), std::string::npos) << file.error().message;
}

TEST(TensorFile, RoundTripKeepsNamesShapesAndBits) {
  testing::Random random(1);
  std::vector<NamedTensor> tensors = {{"b.weight", {3, 2, 1}, {}}, {"a", {}, {}}, {"empty", {0, 4}, {}}};
  tensors[0].values = {1.5F, -0.0F, 1e-40F, 3e38F, -7.25F, 0.1F};
  tensors[1].values = {42.0F};
  const Bytes bytes = WriteTensors(tensors);
  EXPECT_EQ(bytes, WriteTensors({tensors[2], tensors[1], tensors[0]})) << "the order given must not matter";
  const Result<TensorFile> file = TensorFile::Read(bytes);
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file.value().entries().size(), 3U);
  for (const NamedTensor& tensor : tensors) {
    const TensorFile::Entry* entry = file.value().Find(tensor.name);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->shape, tensor.shape);
    const std::vector<float> values = file.value().Floats(*entry);
    ASSERT_EQ(values.size(), tensor.values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(tensor.values[i]));
    }
  }
  EXPECT_EQ(file.value().Find("b"), nullptr);
}

TEST(TensorFile, WritesKnownBytes) {
  const Bytes bytes = WriteTensors({{"x", {2}, {1.0F, 2.0F}}});
  const std::string header = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  Bytes expected = FileOf(padded, 0);
  for (const float value : {1.0F, 2.0F}) {
    for (int i = 0; i < 4; ++i) expected.push_back(static_cast<uint8_t>(std::bit_cast<uint32_t>(value) >> (8 * i)));
  }
  EXPECT_EQ(bytes, expected);
}

TEST(TensorFile, AcceptsMetadataAndOtherTypes) {
  const Result<TensorFile> file =
      TensorFile::Read(FileOf(R"({"__metadata__":{"format":"pt"},"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                              R"("h":{"dtype":"F16","shape":[3],"data_offsets":[8,14]}}  )",
                              14));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file.value().entries().size(), 2U);
}

TEST(TensorFile, RefusesWhatIsNoSuchFile) {
  ExpectRefused({}, Code::kCorrupt, "not a safetensors file");
  ExpectRefused(Bytes(8), Code::kCorrupt, "not a safetensors file");
  ExpectRefused(Bytes(64, 0xff), Code::kCorrupt, "not a safetensors file");
  ExpectRefused(FileOf("[1, 2]", 0), Code::kCorrupt, "no JSON object");
  ExpectRefused(FileOf(R"({"x":)", 0), Code::kCorrupt, "no JSON object");
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 38502892\n";
  ExpectRefused(Bytes(pointer.begin(), pointer.end()), Code::kUnsupported, "git lfs pull");
}

TEST(TensorFile, RefusesHeadersThatContradictTheData) {
  const auto x = [](const std::string& rest) { return R"({"x":{"dtype":"F32",)" + rest + "}}"; };
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[0,8])"), 7), Code::kCorrupt, "cut short");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[0,8])"), 9), Code::kCorrupt, "its tensors take 8");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[4,12])"), 12), Code::kCorrupt, "gap at byte 0");
  ExpectRefused(FileOf(x(R"("shape":[3],"data_offsets":[0,8])"), 8), Code::kCorrupt, "its shape needs 12");
  ExpectRefused(FileOf(x(R"("shape":[-2],"data_offsets":[0,8])"), 8), Code::kCorrupt, "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[2.5],"data_offsets":[0,8])"), 8), Code::kCorrupt, "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0), Code::kCorrupt,
                "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8), Code::kCorrupt, "dimensions");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[8,0])"), 8), Code::kCorrupt, "impossible data_offsets");
  ExpectRefused(FileOf(x(R"("shape":[2])"), 8), Code::kCorrupt, "lacks");
  ExpectRefused(FileOf(R"({"x":7})", 8), Code::kCorrupt, "lacks");
  ExpectRefused(FileOf(R"({"x":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}})", 8), Code::kUnsupported, "F4");
  ExpectRefused(FileOf(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                       12),
                Code::kCorrupt, "overlap at byte 4");
}

TEST(TensorFile, SurvivesAnyFlippedHeaderByteAndAnyLength) {
  const Bytes bytes = WriteTensors({{"x", {2}, {1.0F, 2.0F}}, {"y", {1, 3}, {1.0F, 2.0F, 3.0F}}});
  for (size_t position = 0; position + 20 < bytes.size(); ++position) {
    for (const uint8_t flip : Bytes{0x01, 0x10, 0x80}) {
      Bytes damaged = bytes;
      damaged[position] ^= flip;
      const Result<TensorFile> file = TensorFile::Read(std::move(damaged));
      EXPECT_TRUE(file.ok() || file.error().code != Code::kInternal);
    }
    EXPECT_FALSE(TensorFile::Read(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(position))).ok());
  }
}

TEST(Device, ParsesItsWordsOnly) {
  ASSERT_TRUE(ParseDevice("cpu").ok());
  EXPECT_EQ(ParseDevice("cpu").value().ToString(), "cpu");
  EXPECT_TRUE(ParseDevice("auto").ok());
  for (const char* word : {"", "CPU", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cpu:0"}) {
    const Result<Device> device = ParseDevice(word);
    ASSERT_FALSE(device.ok()) << word;
    EXPECT_EQ(device.error().code, Code::kInvalidArgument) << word;
  }
  const Result<Device> far = ParseDevice("cuda:4711");
  ASSERT_FALSE(far.ok());
  EXPECT_EQ(far.error().code, Code::kUnsupported);
}

TEST(ConfigureTorch, SetsTheThreadCount) {
  EXPECT_EQ(ConfigureTorch(1), 1);
  EXPECT_EQ(ConfigureTorch(2), 2);
  EXPECT_GE(ConfigureTorch(0), 1);
  ConfigureTorch(2);
  EXPECT_NE(TorchDescription().find("2 threads"), std::string::npos) << TorchDescription();
}

// A street of a kind: blue above, grey below, a bright line, and a dark box at `offset`.
Frame StreetFrame(uint32_t offset) {
  Frame frame{kContestFrameSize, Bytes(kContestFrameSize.size_bytes())};
  testing::Random random(7);
  for (uint32_t y = 0; y < frame.size.height; ++y) {
    for (uint32_t x = 0; x < frame.size.width; ++x) {
      const bool sky = y < 400, line = !sky && x > 560 && x<590, box = y> 350 && y < 500 && (x + offset) % 400 < 120;
      for (uint32_t c = 0; c < 3; ++c) {
        const uint32_t base = box ? 30 : line ? 230 : sky ? 130 + 40 * c : 95;
        frame.rgb[(size_t{y} * frame.size.width + x) * 3 + c] = static_cast<uint8_t>(base + random.Below(8));
      }
    }
  }
  return frame;
}

TEST(StandIn, FilesAreTheManifests) {
  std::ifstream file(kStandIn.parent_path() / "README.md");
  std::stringstream manifest;
  manifest << file.rdbuf();
  for (const char* name : {"segnet.safetensors", "posenet.safetensors"}) {
    const Result<std::string> sha256 = Sha256HexOfFile(kStandIn / name);
    ASSERT_TRUE(sha256.ok());
    EXPECT_NE(manifest.str().find(sha256.value()), std::string::npos) << name;
  }
}

TEST(StandIn, SeesClassesAndMotion) {
  ConfigureTorch(2);
  const auto nets = Nets::Load(kStandIn, Device{});
  ASSERT_TRUE(nets.ok()) << nets.error().message;
  EXPECT_EQ(nets.value()->info().label, "stand-in nets");
  EXPECT_LT(nets.value()->info().size_bytes(), 6000000U);
  const std::vector<FramePair> pairs = {{StreetFrame(0), StreetFrame(0)}, {StreetFrame(0), StreetFrame(40)}};
  const auto together = nets.value()->Observe(pairs);
  ASSERT_TRUE(together.ok()) << together.error().message;
  ASSERT_EQ(together.value().size(), 2U);
  const Observation& still = together.value()[0];
  const Observation& moving = together.value()[1];
  ASSERT_EQ(still.class_map.size(), size_t{kModelGrid.width} * kModelGrid.height);
  EXPECT_GE(std::set<uint8_t>(still.class_map.begin(), still.class_map.end()).size(), 3U);
  EXPECT_LT(*std::max_element(still.class_map.begin(), still.class_map.end()), 5);
  EXPECT_NE(still.class_map, moving.class_map);
  float moved = 0;
  for (size_t i = 0; i < 6; ++i) moved = std::max(moved, std::abs(still.pose[i] - moving.pose[i]));
  EXPECT_GT(moved, 0.05F);
  // As recorded with LibTorch 1.13.
  const std::array<double, 5> counts = {1401, 0, 167479, 27728, 0};
  for (uint8_t id = 0; id < 5; ++id) {
    const auto count = std::count(moving.class_map.begin(), moving.class_map.end(), id);
    EXPECT_NEAR(static_cast<double>(count), counts[id], 100) << int{id};
  }
  const std::array<float, 6> pose = {24.052586F, 0.027106F, -0.001468F, 0.004099F, 0.004432F, 0.049325F};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(moving.pose[i], pose[i], i == 0 ? 1e-2F : 1e-3F) << i;
  // A pair's observation does not depend on the pairs it came with, up to rounding.
  const auto alone = nets.value()->Observe(std::span(pairs).subspan(1));
  ASSERT_TRUE(alone.ok());
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(alone.value()[0].pose[i], moving.pose[i], 1e-4F);
  size_t different = 0;
  for (size_t i = 0; i < moving.class_map.size(); ++i) {
    different += alone.value()[0].class_map[i] != moving.class_map[i];
  }
  EXPECT_LE(different, 20U);
  EXPECT_TRUE(nets.value()->Observe({}).ok());
}

// Loads the stand-ins after `edit` has changed SegNet's tensors.
Result<std::unique_ptr<Nets>> LoadEdited(const std::function<void(std::vector<NamedTensor>&)>& edit) {
  testing::TemporaryFolder folder;
  std::filesystem::copy(kStandIn / "posenet.safetensors", folder.path());
  const Result<TensorFile> file = TensorFile::Load(kStandIn / "segnet.safetensors");
  if (!file.ok()) return file.error();
  std::vector<NamedTensor> tensors;
  for (const auto& [name, entry] : file.value().entries()) {
    tensors.push_back(NamedTensor{name, entry.shape, file.value().Floats(entry)});
  }
  edit(tensors);
  KIT_TRY(WriteFile(folder / "segnet.safetensors", WriteTensors(tensors), Overwrite::kRefuse));
  return Nets::Load(folder.path(), Device{});
}

void ExpectSentence(const Result<std::unique_ptr<Nets>>& nets, const std::string& text) {
  ASSERT_FALSE(nets.ok()) << text;
  EXPECT_EQ(nets.error().code, Code::kCorrupt);
  EXPECT_NE(nets.error().message.find(text), std::string::npos) << nets.error().message;
  EXPECT_NE(nets.error().message.find("segnet.safetensors: "), std::string::npos) << nets.error().message;
}

TEST(NetsLoad, IgnoresBatchCounters) {
  const auto nets = LoadEdited([](std::vector<NamedTensor>& tensors) {
    tensors.push_back({"encoder.model.bn1.num_batches_tracked", {1}, {0.0F}});
  });
  EXPECT_TRUE(nets.ok()) << nets.error().message;
}

TEST(NetsLoad, NamesMissingUnexpectedAndMisshapenTensors) {
  ExpectSentence(LoadEdited([](std::vector<NamedTensor>& tensors) {
                   std::erase_if(tensors, [](const NamedTensor& t) { return t.name == "encoder.model.bn1.bias"; });
                 }),
                 "1 missing (encoder.model.bn1.bias)");
  ExpectSentence(LoadEdited([](std::vector<NamedTensor>& tensors) {
                   for (char c = 'a'; c < 'a' + 10; ++c) tensors.push_back({std::string("extra.") + c, {1}, {0.0F}});
                 }),
                 "10 unexpected (extra.a, extra.b, extra.c, extra.d, extra.e, extra.f, extra.g, extra.h and 2 more)");
  ExpectSentence(LoadEdited([](std::vector<NamedTensor>& tensors) {
                   for (NamedTensor& t : tensors) {
                     if (t.name == "encoder.model.bn1.bias") t = {t.name, {2, 4}, t.values};
                   }
                 }),
                 "encoder.model.bn1.bias F32 [2,4], expected F32 [8]");
  ExpectSentence(LoadEdited([](std::vector<NamedTensor>& tensors) { tensors.clear(); }), "it has no encoder.model");
}

TEST(NetsLoad, ExplainsAMissingFileAndAPointer) {
  testing::TemporaryFolder folder;
  const auto missing = Nets::Load(folder.path(), Device{});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kIo);
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\n";
  std::ofstream(folder / "segnet.safetensors") << pointer;
  const auto refused = Nets::Load(folder.path(), Device{});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("git lfs pull"), std::string::npos) << refused.error().message;
}

// A narrow generator with seeded weights.
WeightSet RandomWeights() {
  WeightSet weights;
  weights.shape = GeneratorShape{5, 6, 8, 8, 8, 8, 6};
  testing::Random random(3);
  for (const TensorSpec& spec : GeneratorTensors(weights.shape)) {
    std::vector<float> values(spec.num_values());
    for (float& value : values) value = static_cast<float>(random.Below(2001)) / 1000.0F - 1.0F;
    weights.tensors.push_back(QuantizeTensor(spec, values).value());
  }
  return weights;
}

TEST(GeneratorRenderer, RendersPairsOfTheSizeAskedFor) {
  MaskClip mask{kModelGrid.width, kModelGrid.height, 3, 5, {}};
  mask.ids.resize(mask.map_bytes() * 3);
  for (size_t i = 0; i < mask.ids.size(); ++i) mask.ids[i] = static_cast<uint8_t>(i / 40000 % 5);
  Track pose;
  pose.num_rows = 3;
  pose.num_columns = 6;
  pose.values.resize(18);
  std::iota(pose.values.begin(), pose.values.end(), 0);
  for (int32_t& value : pose.values) value *= 50;
  const WeightSet weights = RandomWeights();
  const auto renderer = CreateGeneratorRenderer(mask, pose, weights, FrameSize{200, 120}, Device{});
  ASSERT_TRUE(renderer.ok()) << renderer.error().message;
  const auto pairs = renderer.value()->Render(1, 2);
  ASSERT_TRUE(pairs.ok()) << pairs.error().message;
  ASSERT_EQ(pairs.value().size(), 2U);
  for (const FramePair& pair : pairs.value()) {
    EXPECT_EQ(pair.f0.size, (FrameSize{200, 120}));
    EXPECT_EQ(pair.f1.rgb.size(), pair.f1.size.size_bytes());
    EXPECT_GT(std::set<uint8_t>(pair.f1.rgb.begin(), pair.f1.rgb.end()).size(), 3U);
    EXPECT_NE(pair.f0.rgb, pair.f1.rgb);
  }
  const auto again = renderer.value()->Render(1, 1);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()[0].f1.rgb, pairs.value()[0].f1.rgb);
  EXPECT_EQ(again.value()[0].f0.rgb, pairs.value()[0].f0.rgb);
  EXPECT_FALSE(renderer.value()->Render(2, 2).ok());

  pose.num_rows = 2;
  pose.values.resize(12);
  EXPECT_FALSE(CreateGeneratorRenderer(mask, pose, weights, FrameSize{200, 120}, Device{}).ok());
}

}  // namespace
}  // namespace kitsink
