#pragma once
// A video read as pairs of frames.

#include <filesystem>
#include <optional>

#include "kitsink/codec.h"
#include "kitsink/video.h"

namespace kitsink {

// Pairs of a video in order, restricted to a range. An odd last frame has no partner: it is dropped with a
// warning, as the contest's scorer drops it.
class PairReader {
 public:
  static Result<PairReader> Open(const std::filesystem::path& path, const PairRange& range, const Limits& limits);
  // The next pair of the range, or nothing. kInvalidArgument when the video ends before the range begins or,
  // for a range with an end, before it ends.
  Result<std::optional<FramePair>> Next();
  // Reads and drops what is left of the video, then returns how many pairs the whole of it has.
  Result<uint64_t> CountAllPairs();
  FrameSize frame_size() const { return video_.frame_size(); }
  // The container's estimate, clipped to the range.
  uint64_t estimated_pairs() const;

 private:
  PairReader(VideoReader video, const PairRange& range) : video_(std::move(video)), range_(range) {}
  Result<std::optional<FramePair>> NextOfVideo();
  Result<bool> SkipPair();
  void WarnOfOddFrame() const;
  VideoReader video_;
  PairRange range_;
  uint64_t position_ = 0;  // pairs read so far, from the video's start
};

}  // namespace kitsink
