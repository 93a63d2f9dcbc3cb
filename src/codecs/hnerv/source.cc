// The pairs of a clip, rendered one by one.

#include "codecs/hnerv/source.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace kitsink::hnerv {
namespace {

// Memory that pairs which are rendered at once may take together: 30 pairs of the contest's size.
constexpr uint64_t kMemoryAtOnce = 1ULL << 29;

class HnervPairs : public PairSource {
 public:
  HnervPairs(std::unique_ptr<FrameRenderer> renderer, int calls) : renderer_(std::move(renderer)), calls_(calls) {}

  uint64_t num_pairs() const override { return renderer_->num_pairs(); }
  int calls_at_once() const override { return calls_; }
  Json manifest() const override { return Json::object(); }

  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& /*budget*/) override {
    const Stopwatch watch;
    InflatedPairs pairs;
    for (size_t i = 0; i < count; ++i) pairs.frames.push_back(renderer_->Render(first + i));
    pairs.step_seconds = watch.seconds();
    return pairs;
  }

 private:
  std::unique_ptr<FrameRenderer> renderer_;
  int calls_;
};

}  // namespace

Result<std::unique_ptr<PairSource>> OpenPairs(const Scene& scene, const CodingContext& context) {
  KIT_ASSIGN(std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  const uint64_t working_bytes = renderer->WorkingBytes();
  if (working_bytes > context.limits.max_working_bytes) {
    return Error{Code::kLimit, "archive: rendering a pair takes " + std::to_string(working_bytes) +
                                   " bytes of memory, limit " + std::to_string(context.limits.max_working_bytes)};
  }
  const auto fitting = static_cast<int>(std::max<uint64_t>(kMemoryAtOnce / working_bytes, 1));
  return std::unique_ptr<PairSource>(
      std::make_unique<HnervPairs>(std::move(renderer), std::clamp(context.threads, 1, fitting)));
}

}  // namespace kitsink::hnerv
