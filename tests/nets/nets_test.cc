// Tests the nets room through its public header and safetensors files, without LibTorch types.

#include "kitsink/nets.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "nets/named_tensor.h"
#include "testlib.h"

namespace kitsink {
namespace {

using testing::NamedTensor;

const std::filesystem::path kStandIn = std::filesystem::path(KITSINK_SOURCE_DIR) / "models/standin";

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

// A simple street: blue above, grey below, a bright line, and a dark box at `offset`.
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
  // Up to rounding, a pair's observation does not depend on the other pairs of its batch.
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
  KIT_ASSIGN(const LoadedTensors loaded, LoadTensorFile(kStandIn / "segnet.safetensors"));
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : loaded.file.tensors) tensors.push_back({name, tensor.shape, FloatsOf(tensor)});
  edit(tensors);
  KIT_TRY(WriteFile(folder / "segnet.safetensors", WriteTensors(testing::FileOf(tensors)), Overwrite::kRefuse));
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

}  // namespace
}  // namespace kitsink
