// A video read as pairs of frames.

#include <string>

#include "kitsink/log.h"
#include "kitsink/video.h"

namespace kitsink {

Result<PairReader> PairReader::Open(const std::filesystem::path& path, const PairRange& range, const Limits& limits,
                                    Remarks remarks) {
  if (range.first >= range.end) {
    return Error{Code::kInvalidArgument,
                 "pairs: range " + std::to_string(range.first) + ":" + std::to_string(range.end) + " is empty"};
  }
  KIT_ASSIGN(VideoReader video, VideoReader::Open(path, limits, remarks));
  return PairReader(std::move(video), range, remarks);
}

uint64_t PairReader::estimated_pairs() const {
  const uint64_t end = range_.end != UINT64_MAX ? range_.end : video_.estimated_frames() / 2;
  return end > range_.first ? end - range_.first : 0;
}

void PairReader::WarnOfOddFrame() const {
  if (remarks_ == Remarks::kNone) return;
  Log(LogLevel::kWarning,
      "video: odd number of frames, frame " + std::to_string(2 * position_) + " has no partner and is left out");
}

// Tells what can be done about a frame that cannot be used.
Error PairReader::WithRemedy(Error error) const {
  if (error.code != Code::kCorrupt && error.code != Code::kUnsupported) return error;
  if (position_ > 0) {
    const uint64_t first = position_ > range_.first ? range_.first : 0;
    error.message += "; --pairs " + std::to_string(first) + ":" + std::to_string(position_) +
                     " of compress and score takes the whole pairs before it";
  } else {
    error.message += "; no whole pair comes before it: get the video again, or convert it with ffmpeg -i VIDEO NEW.mkv";
  }
  return error;
}

Result<std::optional<FramePair>> PairReader::NextOfVideo() {
  Result<std::optional<Frame>> f0 = video_.Next();
  if (!f0.ok()) return WithRemedy(f0.error());
  if (!f0.value().has_value()) return std::optional<FramePair>();
  Result<std::optional<Frame>> f1 = video_.Next();
  if (!f1.ok()) return WithRemedy(f1.error());
  if (!f1.value().has_value()) {
    WarnOfOddFrame();
    return std::optional<FramePair>();
  }
  ++position_;
  return std::optional<FramePair>(FramePair{std::move(*f0.value()), std::move(*f1.value())});
}

Result<bool> PairReader::SkipPair() {
  const Result<bool> f0 = video_.Skip();
  if (!f0.ok()) return WithRemedy(f0.error());
  if (!f0.value()) return false;
  const Result<bool> f1 = video_.Skip();
  if (!f1.ok()) return WithRemedy(f1.error());
  if (!f1.value()) {
    WarnOfOddFrame();
    return false;
  }
  ++position_;
  return true;
}

// False at the end of the range, and when the video ends before the range begins.
Result<bool> PairReader::SkipToRange() {
  while (position_ < range_.first) {
    KIT_ASSIGN(const bool more, SkipPair());
    if (!more) return false;
  }
  return position_ < range_.end;
}

// Called when the video has ended.
Status PairReader::CheckEnd() const {
  if (position_ >= range_.end) return Ok();
  if (position_ == 0) return Error{Code::kInvalidArgument, "video: fewer than two frames, expected at least one pair"};
  if (position_ > range_.first && range_.end == UINT64_MAX) return Ok();
  return Error{Code::kInvalidArgument, "video: has " + std::to_string(position_) + " pairs, the range asks for more"};
}

Result<std::optional<FramePair>> PairReader::Next() {
  KIT_ASSIGN(const bool inside, SkipToRange());
  std::optional<FramePair> pair;
  if (inside) {
    KIT_ASSIGN(pair, NextOfVideo());
  }
  if (!pair.has_value()) KIT_TRY(CheckEnd());
  return pair;
}

Result<bool> PairReader::Skip() {
  KIT_ASSIGN(bool more, SkipToRange());
  if (more) {
    KIT_ASSIGN(more, SkipPair());
  }
  if (!more) KIT_TRY(CheckEnd());
  return more;
}

Result<uint64_t> PairReader::CountAllPairs() {
  for (;;) {
    KIT_ASSIGN(const bool more, SkipPair());
    if (!more) return position_;
  }
}

Result<uint64_t> CountPairs(const std::filesystem::path& path, const PairRange& range, const Limits& limits,
                            Progress& progress) {
  KIT_ASSIGN(PairReader reader, PairReader::Open(path, range, limits, Remarks::kNone));
  progress.Begin("count", reader.estimated_pairs(), "pairs");
  uint64_t count = 0;
  for (;;) {
    KIT_ASSIGN(const bool more, reader.Skip());
    if (!more) break;
    if (++count > limits.max_pairs) {
      return Error{Code::kLimit, "video: more than " + std::to_string(limits.max_pairs) + " pairs"};
    }
    progress.Update(count, "");
    if (progress.stop_requested()) return Error{Code::kInterrupted, "interrupted while counting the video's pairs"};
  }
  progress.End();
  return count;
}

}  // namespace kitsink
