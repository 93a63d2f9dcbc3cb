// Renders pairs of codec hnerv from a plain file and prints how fast. tools/parity/hnerv_frames.py writes such files
// and compares the frames with PyTorch's.
//
//   hnerv_render FILE --threads N [--pairs FIRST COUNT] [--raw OUT.raw] [--list] [--preimage]
//
// FILE, little-endian: 28 tensors of the usual shape, each u32 count, float scale and codes; u32 pairs, u32 dimensions,
// fp16 minima, fp16 scales, codes. --list prints each frame's index, SHA-256 and sum of bytes.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "codecs/hnerv/source.h"
#include "kitsink/at_once.h"
#include "kitsink/bytes.h"
#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/run.h"

namespace kitsink::hnerv {
namespace {

struct Settings {
  std::string path, raw;
  int threads = 1;
  uint64_t first = 0, count = UINT64_MAX;
  bool list = false, preimage = false;
};

Result<Scene> ReadScene(const std::string& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, 1 << 24));
  ByteReader reader(bytes);
  Scene scene;
  scene.frame_size = kContestFrameSize;
  for (int i = 0; i < 28; ++i) {
    Int8Tensor& tensor = scene.tensors.emplace_back();
    const uint32_t count = reader.U32();
    tensor.scale = reader.F32();
    const std::span<const uint8_t> codes = reader.Take(count);
    tensor.codes.assign(codes.begin(), codes.end());
  }
  Latents& latents = scene.latents;
  latents.num_pairs = reader.U32();
  latents.dims = reader.U32();
  for (std::vector<uint16_t>* const values : {&latents.minimum, &latents.scale}) {
    for (uint32_t i = 0; i < latents.dims && reader.remaining() > 0; ++i) values->push_back(reader.U16());
  }
  const std::span<const uint8_t> codes = reader.Take(reader.remaining());
  latents.codes.assign(codes.begin(), codes.end());
  KIT_TRY(reader.Finish(path));
  return scene;
}

double CpuSeconds(const rusage& usage) {
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

std::string LineOf(uint64_t index, const Frame& frame) {
  uint64_t sum = 0;
  for (const uint8_t value : frame.rgb) sum += value;
  char line[128];
  std::snprintf(line, sizeof(line), "%04llu %s %llu\n", static_cast<unsigned long long>(index),
                Sha256Hex(frame.rgb).c_str(), static_cast<unsigned long long>(sum));
  return line;
}

Status Render(const Settings& settings) {
  KIT_ASSIGN(Scene scene, ReadScene(settings.path));
  if (settings.preimage) scene.chain = FrameChain::kPreimage;
  EngineContext context;
  context.threads = settings.threads;
  KIT_ASSIGN(const std::unique_ptr<PairSource> source, OpenPairs(scene, context));
  if (settings.first >= source->num_pairs()) return Error{Code::kInvalidArgument, "no such pair"};
  const uint64_t count = std::min(settings.count, source->num_pairs() - settings.first);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> raw(nullptr, std::fclose);
  if (!settings.raw.empty()) raw.reset(std::fopen(settings.raw.c_str(), "wb"));
  if (!settings.raw.empty() && raw == nullptr) return Error{Code::kIo, settings.raw + ": cannot be written"};

  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const Stopwatch watch;
  std::vector<std::string> lines(settings.list ? count : 0);
  KIT_TRY(RunAtOnce(count, source->calls_at_once(), [&](size_t, size_t i) -> Status {
    const uint64_t pair = settings.first + i;
    KIT_ASSIGN(const InflatedPairs pairs, source->Inflate(pair, 1, {}));
    const FramePair& frames = pairs.frames[0];
    if (settings.list) lines[i] = LineOf(2 * pair, frames.f0) + LineOf(2 * pair + 1, frames.f1);
    if (raw == nullptr) return Ok();
    const auto size = static_cast<off_t>(frames.f0.rgb.size());
    for (const Frame* const frame : {&frames.f0, &frames.f1}) {
      const off_t at = static_cast<off_t>(2 * i + (frame == &frames.f1)) * size;
      if (pwrite(fileno(raw.get()), frame->rgb.data(), frame->rgb.size(), at) != size) {
        return Error{Code::kIo, settings.raw + ": cannot be written"};
      }
    }
    return Ok();
  }));
  const double seconds = watch.seconds();
  getrusage(RUSAGE_SELF, &after);
  for (const std::string& line : lines) std::fputs(line.c_str(), stdout);
  std::fprintf(stderr, "%llu pairs, %.2f pairs per second, %.1f ms of CPU a pair\n",
               static_cast<unsigned long long>(count), static_cast<double>(count) / seconds,
               1e3 * (CpuSeconds(after) - CpuSeconds(before)) / static_cast<double>(count));
  return Ok();
}

}  // namespace
}  // namespace kitsink::hnerv

int main(int argc, char** argv) {
  kitsink::hnerv::Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (word == "--threads") {
      settings.threads = static_cast<int>(number());
    } else if (word == "--pairs") {
      settings.first = number();
      settings.count = number();
    } else if (word == "--raw" && i + 1 < argc) {
      settings.raw = argv[++i];
    } else if (word == "--list") {
      settings.list = true;
    } else if (word == "--preimage") {
      settings.preimage = true;
    } else {
      settings.path = word;
    }
  }
  if (settings.path.empty() || settings.threads < 1) {
    std::fprintf(stderr,
                 "usage: hnerv_render FILE --threads N [--pairs FIRST COUNT] [--raw OUT] [--list] [--preimage]\n");
    return 2;
  }
  const kitsink::Status status = kitsink::hnerv::Render(settings);
  if (!status.ok()) std::fprintf(stderr, "hnerv_render: %s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
