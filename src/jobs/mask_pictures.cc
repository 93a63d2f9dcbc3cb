// Class maps as folders of PNG pictures, whose grey values are class ids.

#include <algorithm>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "kitsink/score_jobs.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

Result<MaskClip> LoadPngs(const std::filesystem::path& folder, const Limits& limits) {
  std::vector<std::filesystem::path> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".png") names.push_back(entry.path());
  }
  if (error) return Error{Code::kIo, folder.string() + ": cannot list the folder: " + error.message()};
  if (names.empty()) return Error{Code::kInvalidArgument, folder.string() + ": holds no .png file"};
  std::sort(names.begin(), names.end());
  MaskClip clip;
  for (const std::filesystem::path& name : names) {
    KIT_ASSIGN(const Frame frame, LoadPng(name));
    if (clip.count == 0) {
      clip.width = frame.size.width;
      clip.height = frame.size.height;
    }
    if (frame.size != FrameSize{clip.width, clip.height}) {
      return Error{Code::kInvalidArgument, name.string() + ": " + std::to_string(frame.size.width) + " x " +
                                               std::to_string(frame.size.height) + ", the first picture is " +
                                               std::to_string(clip.width) + " x " + std::to_string(clip.height)};
    }
    ++clip.count;
    if (clip.count > limits.max_pairs || clip.count * clip.map_bytes() > limits.max_map_bytes) {
      return Error{Code::kLimit, folder.string() + ": more pictures than one stream may hold"};
    }
    for (size_t i = 0; i < frame.rgb.size(); i += 3) {
      if (frame.rgb[i] != frame.rgb[i + 1] || frame.rgb[i] != frame.rgb[i + 2]) {
        return Error{Code::kInvalidArgument, name.string() + ": has colours, expected grey values that are class ids"};
      }
      clip.ids.push_back(frame.rgb[i]);
    }
  }
  return clip;
}

Status SavePngs(const MaskClip& clip, const std::filesystem::path& folder, Overwrite overwrite) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return Error{Code::kIo, folder.string() + ": cannot make the folder: " + error.message()};
  Frame frame{{clip.width, clip.height}, std::vector<uint8_t>(3 * clip.map_bytes())};
  for (uint32_t i = 0; i < clip.count; ++i) {
    const std::span<const uint8_t> map = clip.map(i);
    for (size_t k = 0; k < map.size(); ++k)
      std::fill_n(frame.rgb.begin() + static_cast<std::ptrdiff_t>(3 * k), 3, map[k]);
    char name[32];
    std::snprintf(name, sizeof(name), "%06u.png", i);
    KIT_TRY(SavePng(folder / name, frame, overwrite));
  }
  return Ok();
}

}  // namespace

MaskPictures PngPictures() { return {LoadPngs, SavePngs}; }

}  // namespace kitsink
