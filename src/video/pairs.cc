// A video read as pairs of frames.

#include <algorithm>
#include <string>

#include "kitsink/log.h"
#include "kitsink/video.h"

namespace kitsink {

Result<PairReader> PairReader::Open(const std::filesystem::path& path, const PairRange& range, const Limits& limits) {
  if (range.first >= range.end) {
    return Error{Code::kInvalidArgument,
                 "pairs: range " + std::to_string(range.first) + ":" + std::to_string(range.end) + " is empty"};
  }
  KIT_ASSIGN(VideoReader video, VideoReader::Open(path, limits));
  return PairReader(std::move(video), range);
}

uint64_t PairReader::estimated_pairs() const {
  const uint64_t all = video_.estimated_frames() / 2;
  const uint64_t end = std::min(all, range_.end);
  return end > range_.first ? end - range_.first : 0;
}

void PairReader::WarnOfOddFrame() const {
  Log(LogLevel::kWarning,
      "video: odd number of frames, frame " + std::to_string(2 * position_) + " has no partner and is left out");
}

Result<std::optional<FramePair>> PairReader::NextOfVideo() {
  KIT_ASSIGN(std::optional<Frame> f0, video_.Next());
  if (!f0.has_value()) return std::optional<FramePair>();
  KIT_ASSIGN(std::optional<Frame> f1, video_.Next());
  if (!f1.has_value()) {
    WarnOfOddFrame();
    return std::optional<FramePair>();
  }
  ++position_;
  return std::optional<FramePair>(FramePair{std::move(*f0), std::move(*f1)});
}

Result<bool> PairReader::SkipPair() {
  KIT_ASSIGN(const bool f0, video_.Skip());
  if (!f0) return false;
  KIT_ASSIGN(const bool f1, video_.Skip());
  if (!f1) {
    WarnOfOddFrame();
    return false;
  }
  ++position_;
  return true;
}

Result<std::optional<FramePair>> PairReader::Next() {
  if (position_ >= range_.end) return std::optional<FramePair>();
  bool more = true;
  while (more && position_ < range_.first) {
    KIT_ASSIGN(more, SkipPair());
  }
  std::optional<FramePair> pair;
  if (more) {
    KIT_ASSIGN(pair, NextOfVideo());
  }
  if (pair.has_value()) return pair;
  if (position_ == 0) return Error{Code::kInvalidArgument, "video: fewer than two frames, expected at least one pair"};
  if (position_ <= range_.first || range_.end != UINT64_MAX) {
    return Error{Code::kInvalidArgument, "video: has " + std::to_string(position_) + " pairs, the range asks for more"};
  }
  return pair;
}

Result<uint64_t> PairReader::CountAllPairs() {
  for (;;) {
    KIT_ASSIGN(const bool more, SkipPair());
    if (!more) return position_;
  }
}

}  // namespace kitsink
