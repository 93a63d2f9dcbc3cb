// Encodes and decodes a raw clip of class maps at the given levels (c: context-tree weighting), verifies the result,
// and prints a row for each.
//
//   mask_bench FILE.u8 WIDTH HEIGHT CLASSES [--maps FIRST COUNT] [--variant mirror|reverse|permute|still|crop|turn]
//              [--levels 123c] [--threads N] [--edits MAP]
//
// --edits prices edits of a map instead, at levels 1 to 3.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "kitsink/file.h"
#include "kitsink/hash.h"
#include "kitsink/log.h"
#include "kitsink/mask.h"
#include "mask_bench_edits.h"

namespace {

using kitsink::MaskClip;

struct Settings {
  std::string path;
  uint32_t width = 0, height = 0, classes = 0, first = 0, count = 0;
  std::string variant, levels = "123c";
  int threads = 1;
  bool edits = false;
  uint32_t edited_map = 0;
};

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// A line of /proc/self/status such as VmHWM, in megabytes.
double StatusMegabytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

// Restarts the measurement of peak memory (Linux).
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

MaskClip Variant(const MaskClip& clip, const std::string& name) {
  MaskClip out = clip;
  const size_t w = clip.width, h = clip.height;
  const auto fill = [&](auto source) {
    out.ids.assign(size_t{out.width} * out.height * out.count, 0);
    size_t i = 0;
    for (size_t t = 0; t < out.count; ++t) {
      for (size_t y = 0; y < out.height; ++y) {
        for (size_t x = 0; x < out.width; ++x) out.ids[i++] = source(t, y, x);
      }
    }
  };
  const auto at = [&](size_t t, size_t y, size_t x) { return clip.ids[(t * h + y) * w + x]; };
  if (name == "mirror") fill([&](size_t t, size_t y, size_t x) { return at(t, y, w - 1 - x); });
  if (name == "reverse") fill([&](size_t t, size_t y, size_t x) { return at(clip.count - 1 - t, y, x); });
  if (name == "permute") {
    fill([&](size_t t, size_t y, size_t x) { return static_cast<uint8_t>((at(t, y, x) * 3 + 2) % clip.num_classes); });
  }
  if (name == "still") fill([&](size_t t, size_t y, size_t x) { return at(t / 10 * 10, y, x); });
  if (name == "crop") {
    out.width = static_cast<uint32_t>(w * 3 / 5 | 1);
    out.height = static_cast<uint32_t>(h * 2 / 5 | 1);
    fill([&](size_t t, size_t y, size_t x) { return at(t, y + h / 3, x + w / 7); });
  }
  if (name == "turn") {
    std::swap(out.width, out.height);
    fill([&](size_t t, size_t y, size_t x) { return at(t, x, y); });
  }
  return out;
}

// Number of pixels whose right or lower neighbour has another class.
uint64_t BoundaryPixels(const MaskClip& clip) {
  uint64_t count = 0;
  const size_t w = clip.width, h = clip.height;
  for (size_t t = 0; t < clip.count; ++t) {
    const uint8_t* map = clip.ids.data() + t * w * h;
    for (size_t i = 0; i < w * h; ++i) {
      const bool right = i % w + 1 < w && map[i] != map[i + 1], below = i + w < w * h && map[i] != map[i + w];
      count += right || below ? 1 : 0;
    }
  }
  return count;
}

int Fail(const std::string& message) {
  std::fprintf(stderr, "mask_bench: %s\n", message.c_str());
  return 1;
}

int Run(const Settings& settings) {
  kitsink::Result<kitsink::Bytes> ids = kitsink::ReadFile(settings.path, uint64_t{1} << 31);
  if (!ids.ok()) return Fail(ids.error().message);
  const size_t map_bytes = size_t{settings.width} * settings.height;
  if (map_bytes == 0 || ids.value().size() % map_bytes != 0)
    return Fail("the file size is not a multiple of the map size");
  const auto total = static_cast<uint32_t>(ids.value().size() / map_bytes);
  const uint32_t first = std::min(settings.first, total);
  const uint32_t count = settings.count == 0 ? total - first : std::min(settings.count, total - first);
  MaskClip clip{settings.width, settings.height, count, settings.classes, {}};
  const auto begin = ids.value().begin() + static_cast<ptrdiff_t>(first * map_bytes);
  clip.ids.assign(begin, begin + static_cast<ptrdiff_t>(count * map_bytes));
  ids = kitsink::Bytes{};
  if (!settings.variant.empty()) clip = Variant(clip, settings.variant);
  if (settings.edits) return BenchEdits(clip, settings.edited_map, settings.levels, settings.threads);
  const uint64_t boundary = BoundaryPixels(clip);
  std::printf(
      "| level | threads | bytes | bits per boundary pixel | encode s (cpu) | decode s (cpu) | decoder MB | sha256 "
      "|\n");
  std::printf("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  const kitsink::Limits limits;
  for (const char level : settings.levels) {
    double wall = Seconds(), cpu = CpuSeconds();
    const kitsink::MaskOptions options = {level == 'c' ? kitsink::kCtwLevel : level - '0'};
    const auto stream = kitsink::EncodeMask(clip, options, limits, kitsink::SilentProgress());
    const double encode_wall = Seconds() - wall, encode_cpu = CpuSeconds() - cpu;
    if (!stream.ok()) return Fail(stream.error().message);
    ResetPeak();
    const double before = StatusMegabytes("VmRSS:");
    wall = Seconds(), cpu = CpuSeconds();
    const auto back = kitsink::DecodeMask(stream.value(), settings.threads, limits, kitsink::SilentProgress());
    const double decode_wall = Seconds() - wall, decode_cpu = CpuSeconds() - cpu;
    const double peak = StatusMegabytes("VmHWM:") - before - static_cast<double>(clip.ids.size()) / (1 << 20);
    if (!back.ok()) return Fail(back.error().message);
    if (!(back.value() == clip)) return Fail("the decoded clip differs");
    std::printf("| %c | %d | %zu | %.4f | %.1f (%.1f) | %.1f (%.1f) | %.0f | %.16s |\n", level, settings.threads,
                stream.value().size(),
                8.0 * static_cast<double>(stream.value().size()) / static_cast<double>(std::max<uint64_t>(boundary, 1)),
                encode_wall, encode_cpu, decode_wall, decode_cpu, peak, kitsink::Sha256Hex(stream.value()).c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::vector<std::string> plain;
  const std::vector<std::string> args(argv + 1, argv + argc);
  const auto number = [](const std::string& text) {
    return static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
  };
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--maps" && i + 2 < args.size()) {
      settings.first = number(args[i + 1]);
      settings.count = number(args[i + 2]);
      i += 2;
    } else if (args[i] == "--variant" && i + 1 < args.size()) {
      settings.variant = args[++i];
    } else if (args[i] == "--levels" && i + 1 < args.size()) {
      settings.levels = args[++i];
    } else if (args[i] == "--threads" && i + 1 < args.size()) {
      settings.threads = static_cast<int>(number(args[++i]));
    } else if (args[i] == "--edits" && i + 1 < args.size()) {
      settings.edits = true;
      settings.edited_map = number(args[++i]);
    } else {
      plain.push_back(args[i]);
    }
  }
  if (plain.size() != 4) {
    std::fprintf(stderr,
                 "usage: mask_bench FILE.u8 WIDTH HEIGHT CLASSES [--maps FIRST COUNT] [--levels 123c]\n"
                 "                  [--variant mirror|reverse|permute|still|crop|turn] [--threads N] [--edits MAP]\n");
    return 2;
  }
  settings.path = plain[0];
  settings.width = number(plain[1]);
  settings.height = number(plain[2]);
  settings.classes = number(plain[3]);
  return Run(settings);
}
