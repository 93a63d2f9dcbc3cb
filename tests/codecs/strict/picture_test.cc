// Compares pictures of the renderer of codec strict with those that PyTorch rendered from the same scene.

#include <cstdio>
#include <cstdlib>

#include "codecs/strict/render.h"
#include "codecs/strict/scene_testlib.h"
#include "kitsink/tensors.h"
#include "kitsink/video.h"
#include "testlib.h"

namespace kitsink::strict {
namespace {

using testing::Must;
using testing::SharedData;

// Pair 85 has a selector mode.
TEST(Pictures, OfARealSceneMatchPyTorch) {
  KIT_SHARED_DATA_OR_SKIP(packed, "strict/scene.safetensors.xz");
  const Bytes bytes = testing::Unxz(packed);
  if (bytes.empty()) GTEST_SKIP() << "needs the xz command";
  const Scene scene = Must(SceneOfTensors(Must(ReadTensors(bytes)), Limits{}));
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
