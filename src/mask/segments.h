#pragma once
// Segments: parts of a clip with consecutive maps, coded independently so that threads can work in parallel.

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "kitsink/at_once.h"
#include "kitsink/log.h"
#include "kitsink/mask.h"
#include "kitsink/result.h"
#include "mask/ctw_coder.h"
#include "mask/head.h"
#include "mask/map_coder.h"

namespace kitsink {

// Maps [begin, end) of segment `index`.
struct Segment {
  size_t begin, end;
};
inline Segment SegmentOf(const MaskHead& head, size_t index) {
  const size_t count = head.count, segments = head.num_segments;
  return {count * index / segments, count * (index + 1) / segments};
}

inline ClipShape ShapeOf(const MaskHead& head) {
  return {static_cast<int>(head.width), static_cast<int>(head.height), static_cast<int>(head.num_classes),
          head.level == kCtwLevel ? LevelShape{} : ShapeOfLevel(head.level, head.version),
          head.clip_bytes() / head.num_segments};
}

// Counts the finished maps of all segments. Only the thread that made it calls the Progress.
class SharedProgress {
 public:
  explicit SharedProgress(Progress& progress) : progress_(progress), owner_(std::this_thread::get_id()) {}
  // Counts one more map. Returns false when the job should stop.
  bool Advance() {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (std::this_thread::get_id() == owner_) {
      progress_.Update(done_, "");
      stop_ = stop_ || progress_.stop_requested();
    }
    return !stop_;
  }

 private:
  Progress& progress_;
  std::thread::id owner_;
  std::mutex mutex_;
  uint64_t done_ = 0;
  bool stop_ = false;
};

// Calls code(i) -> Status for each segment, on up to `threads` threads. Returns the error of the lowest segment with
// one.
template <typename CodeSegment>
Status RunSegments(size_t num_segments, int threads, CodeSegment code) {
  std::vector<Status> results(num_segments);
  KIT_TRY(RunAtOnce(num_segments, threads, [&](size_t, size_t i) {
    results[i] = code(i);
    return Ok();
  }));
  for (Status& result : results) KIT_TRY(std::move(result));
  return Ok();
}

}  // namespace kitsink
