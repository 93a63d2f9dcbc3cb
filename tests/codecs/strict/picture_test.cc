// Compares pictures of the renderer of codec strict with those that PyTorch rendered from the same scene.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "codecs/strict/render.h"
#include "kitsink/tensors.h"
#include "kitsink/video.h"
#include "testlib.h"

namespace kitsink::strict {
namespace {

using testing::SharedData;

template <typename T>
T Must(Result<T> result) {
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.TakeValue();
}

Bytes OutputOf(const std::string& command) {
  Bytes bytes;
  FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return bytes;
  std::vector<uint8_t> block(1 << 20);
  for (size_t got = 0; (got = fread(block.data(), 1, block.size(), pipe)) > 0;) {
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<ptrdiff_t>(got));
  }
  pclose(pipe);
  return bytes;
}

template <typename T>
std::vector<T> ValuesOf(const FileTensor& tensor) {
  std::vector<T> values(tensor.data.size() / sizeof(T));
  std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(T));
  return values;
}

Scene SceneOf(const TensorFile& file) {
  const auto& tensors = file.tensors;
  Scene scene;
  scene.mask = {512, 384, 600, 5, tensors.at("maps").data};
  scene.renderer.shape.num_pairs = 600;
  for (const TensorSpec& spec : RendererTensors(scene.renderer.shape)) {
    const std::string name = "renderer." + spec.name;
    QuantizedTensor& tensor = scene.renderer.tensors.emplace_back();
    if (spec.kind == TensorKind::kHalf) {
      tensor.halves = HalfPatternsOf(tensors.at(name));
    } else {
      tensor.codes = tensors.at(name + ".codes").data;
      tensor.scales = HalfPatternsOf(tensors.at(name + ".scales"));
    }
  }
  scene.carrier.num_atoms = 12;
  scene.carrier.basis = ValuesOf<int8_t>(tensors.at("carrier.basis.codes"));
  scene.carrier.basis_scales = FloatsOf(tensors.at("carrier.basis.scales"));
  scene.carrier.coefficients = ValuesOf<int16_t>(tensors.at("carrier.coefficients.codes"));
  scene.carrier.coefficient_scales = FloatsOf(tensors.at("carrier.coefficients.scales"));
  scene.selector = tensors.at("selector").data;
  return scene;
}

// Pair 85 has a selector mode.
TEST(Pictures, OfARealSceneMatchPyTorch) {
  KIT_SHARED_DATA_OR_SKIP(packed, "strict/scene.safetensors.xz");
  const Bytes bytes = OutputOf("xz -dc '" + packed.string() + "'");
  if (bytes.empty()) GTEST_SKIP() << "needs the xz command";
  const Scene scene = SceneOf(Must(ReadTensors(bytes)));
  const std::unique_ptr<FrameRenderer> renderer = Must(FrameRenderer::Create(scene));
  for (const uint64_t pair : {0, 85}) {
    const FramePair frames = renderer->Render(pair, 1);
    int index = 0;
    for (const Frame& frame : {frames.f0, frames.f1}) {
      char name[32];
      std::snprintf(name, sizeof(name), "strict/pair%03d_f%d.png", static_cast<int>(pair), index++);
      SCOPED_TRACE(name);
      const Frame expected = Must(LoadPng(SharedData(name)));
      ASSERT_EQ(frame.size, expected.size);
      size_t off = 0, far = 0;
      for (size_t i = 0; i < expected.rgb.size(); ++i) {
        off += frame.rgb[i] != expected.rgb[i];
        far += std::abs(frame.rgb[i] - expected.rgb[i]) > 1;
      }
      EXPECT_EQ(far, 0U);
      EXPECT_LT(static_cast<double>(off), 0.001 * static_cast<double>(expected.rgb.size()));  // measured: 0.00008
    }
  }
}

}  // namespace
}  // namespace kitsink::strict
