// The pairs of a video archive. The stream is decoded in order; pictures that were decoded early wait for their call.

#include "codecs/video/source.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "codecs/video/units.h"

namespace kitsink::video {
namespace {

// Pairs that may wait. A call for a pair further ahead drops the oldest, and a call for a dropped pair decodes the
// stream from its start again.
constexpr size_t kMostWaiting = 16;

class VideoPairs : public PairSource {
 public:
  VideoPairs(Scene scene, const CodingContext& context)
      : scene_(std::move(scene)), threads_(context.threads), restorer_(scene_) {}

  uint64_t num_pairs() const override { return scene_.stream.num_pairs; }
  int calls_at_once() const override { return threads_; }
  Json manifest() const override { return {{"video_decoder", DecoderVersion()}}; }

  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& /*budget*/) override {
    InflatedPairs pairs;
    for (size_t i = 0; i < count; ++i) {
      KIT_ASSIGN(const FramePair pictures, Pictures(first + i));
      pairs.frames.push_back({restorer_.Write(restorer_.Enlarge(pictures.f0), true),
                              restorer_.Write(restorer_.Enlarge(pictures.f1), false)});
    }
    return pairs;
  }

 private:
  Result<FramePair> Pictures(uint64_t pair) {
    const std::lock_guard lock(mutex_);
    if (const auto found = waiting_.find(pair); found != waiting_.end()) {
      FramePair pictures = std::move(found->second);
      waiting_.erase(found);
      return pictures;
    }
    if (!decoder_.has_value() || pair < next_) {
      waiting_.clear();
      next_ = 0;
      KIT_ASSIGN(decoder_, PairDecoder::Open(scene_, threads_));
    }
    for (;;) {
      Result<FramePair> pictures = decoder_->Next();
      if (!pictures.ok()) {
        decoder_.reset();
        return pictures.error();
      }
      if (next_++ == pair) return pictures;
      if (waiting_.size() == kMostWaiting) waiting_.erase(waiting_.begin());
      waiting_[next_ - 1] = pictures.TakeValue();
    }
  }

  Scene scene_;
  int threads_;
  Restorer restorer_;
  std::mutex mutex_;  // of what follows
  std::optional<PairDecoder> decoder_;
  uint64_t next_ = 0;  // pair that the decoder gives next
  std::map<uint64_t, FramePair> waiting_;
};

}  // namespace

Result<PairDecoder> PairDecoder::Open(const Scene& scene, int threads) {
  static_assert(static_cast<int>(StreamCoding::kHevc) == static_cast<int>(VideoCoding::kHevc));
  KIT_ASSIGN(std::vector<std::span<const uint8_t>> units, SplitUnits(scene.stream));
  KIT_ASSIGN(StreamDecoder decoder, StreamDecoder::Open(static_cast<VideoCoding>(scene.stream.coding), std::move(units),
                                                        scene.stream.size, threads));
  return PairDecoder(scene, std::move(decoder));
}

Result<FramePair> PairDecoder::Next() {
  FramePair pair;
  if (next_ == 0 && scene_->stream.lead) KIT_TRY(decoder_.Next());
  for (Frame* const frame : {&pair.f0, &pair.f1}) {
    KIT_ASSIGN(const Yuv420 picture, decoder_.Next());
    *frame = ConvertToRgb(picture);
  }
  if (++next_ == scene_->stream.num_pairs) KIT_TRY(decoder_.Finish());
  return pair;
}

std::unique_ptr<PairSource> OpenPairs(Scene scene, const CodingContext& context) {
  return std::make_unique<VideoPairs>(std::move(scene), context);
}

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(Scene scene, DecodeScene(member, context));
  return OpenPairs(std::move(scene), context);
}

}  // namespace kitsink::video
