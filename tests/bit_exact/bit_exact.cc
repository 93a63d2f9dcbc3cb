// What the format library makes of the golden files and of made-up input, and what the renderers make of small scenes,
// as five hashes: builds that differ in compiler, flags or threads must print the same line (scripts/bit_exact).
// usage: bit_exact SOURCE_DIR THREADS

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "codecs/hnerv/frames_testlib.h"
#include "codecs/hnerv/scene_testlib.h"
#include "codecs/search/scene_testlib.h"
#include "codecs/strict/render_testlib.h"
#include "kitsink/archive.h"
#include "kitsink/at_once.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"

namespace kitsink {
namespace {

using namespace search;

using testing::Random;

// A value of the golden files and of our own input must be there.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "bit_exact: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return result.TakeValue();
}

void Add(ByteWriter& all, const Track& track) {
  for (const int32_t value : track.values) all.U32(static_cast<uint32_t>(value));
  for (const float minimum : track.minimum) all.F32(minimum);
  for (const float scale : track.scale) all.F32(scale);
}

void Add(ByteWriter& all, const QuantizedTensor& tensor) {
  all.Append(tensor.codes);
  for (const uint16_t scale : tensor.scales) all.U16(scale);
  for (const uint16_t half : tensor.halves) all.U16(half);
}

void Add(ByteWriter& all, const Scene& scene) {
  all.Append(scene.mask.ids);
  Add(all, scene.pose);
  for (const QuantizedTensor& tensor : scene.weights.tensors) Add(all, tensor);
  for (const Tail& tail : scene.selectors.tails) all.Append(tail.codes);
}

std::string DecodeGolden(const std::filesystem::path& golden, int threads) {
  const Limits limits;
  const auto load = [&golden](const char* name) { return Must(ReadFile(golden / name, 1 << 20)); };
  ByteWriter all;
  const LoadedArchive archive = Must(LoadArchive(golden / "archive.zip", limits));
  Add(all, Must(DecodeScene(archive.member, {limits, threads})));
  const auto maps = [&](const std::string& name) {
    return Must(DecodeMask(load(("mask/" + name + ".m").c_str()), threads, limits, SilentProgress())).ids;
  };
  for (const std::string clip : {"street", "speckle"}) {
    for (const std::string level : {"level1", "level2", "level3"}) {
      const std::vector<uint8_t> ids = maps(clip + "_" + level);
      KIT_CHECK(maps(clip + "_version1_" + level) == ids);
      all.Append(ids);
    }
  }
  for (const char* name : {"pose_v1.bin", "pose_v2.bin"}) Add(all, Must(DecodeTrack(load(name), limits)));
  for (const QuantizedTensor& tensor : Must(DecodeWeights(load("weights.bin"), limits)).tensors) Add(all, tensor);
  for (const Tail& tail : Must(DecodeSelectors(load("selectors.bin"), limits)).tails) all.Append(tail.codes);
  return Sha256Hex(all.Take()).substr(0, 16);
}

// Scenes of integers through the whole encoder and back, and reals through the quantisers.
std::string EncodeInput(int threads) {
  const Limits limits;
  ByteWriter all;
  Random random(7);
  for (int level = 1; level <= 3; ++level) {
    Scene scene = testing::SmallScene(static_cast<uint64_t>(level));
    // Larger maps, on which the models learn something.
    scene.mask.width = 70;
    scene.mask.height = 45;
    scene.mask.ids.clear();
    for (uint32_t i = 0; i < scene.mask.count * 70 * 45; ++i) {
      const uint32_t x = i % 70, y = i / 70 % 45, t = i / (70 * 45);
      const uint32_t road = y > 20 && x + y > 40 + t && x < 30 + y ? 1 : 0;
      scene.mask.ids.push_back(static_cast<uint8_t>(random.Below(60) == 0 ? random.Below(3) : road));
    }
    const Bytes member = Must(testing::EncodeMember(scene, level, threads));
    KIT_CHECK(Must(testing::DecodeMember(member, threads)) == scene);
    all.Append(member);
  }
  std::vector<float> reals(6 * 40);
  for (float& real : reals)
    real = static_cast<float>(static_cast<int32_t>(random.Below(1 << 20)) - (1 << 19)) / 77777.0F;
  all.Append(Must(EncodeTrack(Must(ChooseTrack(reals, 6, limits)), limits)));
  Add(all, Must(QuantizeTrack(reals, 6, TrackKind::kUniformStep)));
  Add(all, Must(QuantizeTrack(reals, 6, TrackKind::kHalfAndBytes)));
  for (const TensorKind kind : {TensorKind::kFp4, TensorKind::kHalf, TensorKind::kDense}) {
    Add(all, Must(QuantizeTensor({"t", {6, 40}, kind}, reals)));
  }
  return Sha256Hex(all.Take()).substr(0, 16);
}

// Class maps by context-tree weighting, from golden files and through the encoder and back.
std::string CodeByTrees(const std::filesystem::path& golden, int threads) {
  const Limits limits;
  ByteWriter all;
  for (const char* name : {"mask/street_levelctw.m", "mask/speckle_levelctw.m"}) {
    const Bytes stream = Must(ReadFile(golden / name, 1 << 20));
    const MaskClip clip = Must(DecodeMask(stream, threads, limits, SilentProgress()));
    all.Append(clip.ids);
    all.Append(Must(EncodeMask(clip, {kCtwLevel}, limits, SilentProgress())));
  }
  return Sha256Hex(all.Take()).substr(0, 16);
}

// The frames of a scene of codec strict and of a clip of codec hnerv, which are computed in floating point.
std::string RenderInput(int threads) {
  Bytes frames = Must(testing::RenderFrames(testing::SmallStrictScene({}, 1), FastRowKernels(), threads));
  const auto renderer = Must(hnerv::FrameRenderer::Create(testing::SmallClip(testing::kSmallShape, {61, 47}, 3, 1)));
  std::array<FramePair, 3> pairs;
  KIT_CHECK(RunAtOnce(pairs.size(), threads, [&](size_t, size_t pair) {
              pairs[pair] = renderer->Render(pair);
              return Ok();
            }).ok());
  for (const FramePair& pair : pairs) {
    frames.insert(frames.end(), pair.f0.rgb.begin(), pair.f0.rgb.end());
    frames.insert(frames.end(), pair.f1.rgb.begin(), pair.f1.rgb.end());
  }
  return Sha256Hex(frames).substr(0, 16);
}

// A decoder and latent vectors of codec hnerv through the encoder and back.
std::string CodeLatentScene() {
  const hnerv::DecoderShape shape = {12, {8, 8, 8, 6, 6, 4, 4}};
  const std::vector<hnerv::Int8Tensor> tensors = testing::SmallDecoderTensors(shape, 1, false);
  const hnerv::Latents latents = testing::SmallLatents(80, shape.latent_dims, 2, true);
  BinaryEncoder encoder;
  hnerv::EncodeDecoderTensors(encoder, shape, tensors);
  hnerv::EncodeLatents(encoder, latents);
  const Bytes bytes = encoder.Finish();
  BinaryDecoder decoder(bytes);
  KIT_CHECK(Must(hnerv::DecodeDecoderTensors(decoder, shape, nullptr)) == tensors);
  KIT_CHECK(Must(hnerv::DecodeLatents(decoder, shape.latent_dims, {}, nullptr)) == latents);
  return Sha256Hex(bytes).substr(0, 16);
}

}  // namespace
}  // namespace kitsink

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int threads = std::atoi(argv[2]);
  const std::filesystem::path golden = std::filesystem::path(argv[1]) / "tests/golden";
  std::printf("%s | %s | %s | %s | %s\n", kitsink::DecodeGolden(golden, threads).c_str(),
              kitsink::EncodeInput(threads).c_str(), kitsink::RenderInput(threads).c_str(),
              kitsink::CodeByTrees(golden, threads).c_str(), kitsink::CodeLatentScene().c_str());
  return 0;
}
