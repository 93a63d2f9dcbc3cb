// Writes one picture of a pair: original f1, class map of the archive, inflated f0 and f1, each at half size.
// usage: side_by_side VIDEO ARCHIVE RAW PAIR OUT.png

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "codecs/search/scene.h"
#include "kitsink/archive.h"
#include "kitsink/video.h"

namespace kitsink {
namespace {

// comma10k's colours: road, lane marks, undrivable, movable, own car.
constexpr std::array<std::array<uint8_t, 3>, 5> kPalette = {
    {{64, 32, 32}, {255, 0, 0}, {128, 128, 96}, {0, 255, 102}, {204, 0, 255}}};

Frame Colour(const MaskClip& mask, size_t index, FrameSize size) {
  Frame frame{size, std::vector<uint8_t>(size.size_bytes())};
  for (size_t y = 0; y < size.height; ++y) {
    for (size_t x = 0; x < size.width; ++x) {
      const uint8_t id = mask.map(index)[y * mask.height / size.height * mask.width + x * mask.width / size.width];
      for (size_t c = 0; c < 3; ++c) frame.rgb[(y * size.width + x) * 3 + c] = kPalette[id % kPalette.size()][c];
    }
  }
  return frame;
}

// Copies the mean of each 2 x 2 block to column `column` and row `row` of a sheet of half-size pictures.
void Place(const Frame& frame, size_t column, size_t row, Frame& sheet) {
  const size_t width = frame.size.width / 2;
  const size_t height = frame.size.height / 2;
  for (size_t y = 0; y < height; ++y) {
    for (size_t x = 0; x < 3 * width; ++x) {
      const size_t c = x % 3;
      const uint8_t* upper = frame.rgb.data() + (2 * y * frame.size.width + 2 * (x / 3)) * 3 + c;
      const uint8_t* lower = upper + size_t{3} * frame.size.width;
      const size_t target = ((row * height + y) * sheet.size.width + column * width) * 3 + x;
      sheet.rgb[target] = static_cast<uint8_t>((upper[0] + upper[3] + lower[0] + lower[3] + 2) / 4);
    }
  }
}

Status Run(char** arguments) {
  const Limits limits;
  const std::string_view pair_text(arguments[3]);
  size_t pair = 0;
  if (std::from_chars(pair_text.begin(), pair_text.end(), pair).ec != std::errc()) {
    return Error{Code::kInvalidArgument, "PAIR: expected a number"};
  }
  KIT_ASSIGN(VideoReader video, VideoReader::Open(arguments[0], limits));
  std::optional<Frame> original;
  for (size_t i = 0; i < 2 * pair + 2; ++i) {
    KIT_ASSIGN(original, video.Next());
    if (!original.has_value()) return Error{Code::kInvalidArgument, "PAIR: the video has fewer pairs"};
  }
  KIT_ASSIGN(const LoadedArchive archive, LoadArchive(arguments[1], limits));
  KIT_ASSIGN(const search::Scene scene, search::DecodeScene(archive.member, {limits}));
  KIT_ASSIGN(RawReader raw, RawReader::Open(arguments[2], scene.frame_size));
  if (pair >= scene.mask.count || 2 * pair + 1 >= raw.num_frames()) {
    return Error{Code::kInvalidArgument, "PAIR: the archive or the .raw has fewer pairs"};
  }
  KIT_ASSIGN(const Frame f0, raw.Read(2 * pair));
  KIT_ASSIGN(const Frame f1, raw.Read(2 * pair + 1));
  const FrameSize sheet_size{scene.frame_size.width / 2 * 2, scene.frame_size.height / 2 * 2};
  Frame sheet{sheet_size, std::vector<uint8_t>(sheet_size.size_bytes())};
  Place(*original, 0, 0, sheet);
  Place(Colour(scene.mask, pair, scene.frame_size), 1, 0, sheet);
  Place(f0, 0, 1, sheet);
  Place(f1, 1, 1, sheet);
  return SavePng(arguments[4], sheet, Overwrite::kAllow);
}

}  // namespace
}  // namespace kitsink

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: side_by_side VIDEO ARCHIVE RAW PAIR OUT.png\n");
    return 2;
  }
  const kitsink::Status status = kitsink::Run(argv + 1);
  if (!status.ok()) {
    std::fprintf(stderr, "side_by_side: %s\n", status.error().message.c_str());
    return 1;
  }
  return 0;
}
