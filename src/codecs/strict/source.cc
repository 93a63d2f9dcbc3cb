// The pairs of a strict archive, rendered one by one.

#include "codecs/strict/source.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "codecs/strict/render.h"

namespace kitsink::strict {
namespace {

// Memory that pairs which are rendered at once may take together: six pairs of the contest's size.
constexpr uint64_t kMemoryAtOnce = 1ULL << 30;

class StrictPairs : public PairSource {
 public:
  static Result<std::unique_ptr<PairSource>> Create(Scene scene, const CodingContext& context) {
    std::unique_ptr<StrictPairs> pairs(new StrictPairs(std::move(scene)));
    KIT_ASSIGN(pairs->renderer_, FrameRenderer::Create(pairs->scene_));
    const uint64_t working_bytes = pairs->renderer_->WorkingBytes(1);
    if (working_bytes > context.limits.max_working_bytes) {
      return Error{Code::kLimit, "archive: rendering a pair takes " + std::to_string(working_bytes) +
                                     " bytes of memory, limit " + std::to_string(context.limits.max_working_bytes)};
    }
    // Whole pairs side by side are faster than a pair in bands, which wait for each other after every block.
    const auto fitting = static_cast<int>(kMemoryAtOnce / working_bytes);
    pairs->calls_ = std::clamp(fitting, 1, context.threads);
    pairs->threads_each_ = context.threads / pairs->calls_;
    return std::unique_ptr<PairSource>(std::move(pairs));
  }

  uint64_t num_pairs() const override { return scene_.mask.count; }
  int calls_at_once() const override { return calls_; }
  Json manifest() const override { return Json::object(); }

  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& /*budget*/) override {
    const Stopwatch watch;
    InflatedPairs pairs;
    for (size_t i = 0; i < count; ++i) pairs.frames.push_back(renderer_->Render(first + i, threads_each_));
    pairs.step_seconds = watch.seconds();
    return pairs;
  }

 private:
  explicit StrictPairs(Scene scene) : scene_(std::move(scene)) {}

  Scene scene_;  // where it is when the renderer is made
  int calls_ = 1, threads_each_ = 1;
  std::unique_ptr<FrameRenderer> renderer_;
};

}  // namespace

Result<std::unique_ptr<PairSource>> OpenPairs(Scene scene, const CodingContext& context) {
  return StrictPairs::Create(std::move(scene), context);
}

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(Scene scene, DecodeScene(member, context));
  return OpenPairs(std::move(scene), context);
}

}  // namespace kitsink::strict
