// The pairs of a strict archive, rendered one by one.

#include "codecs/strict/source.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "codecs/strict/render.h"

namespace kitsink::strict {
namespace {

// A pair in one thread needs less than 100 MB; so the working memory of the whole process stays below 1 GB.
constexpr int kMaxCalls = 6;

class StrictPairs : public PairSource {
 public:
  StrictPairs(Scene scene, int threads) : scene_(std::move(scene)), threads_(threads) {}

  Status Prepare() {
    KIT_ASSIGN(renderer_, FrameRenderer::Create(scene_));
    return Ok();
  }

  uint64_t num_pairs() const override { return scene_.mask.count; }
  // Whole pairs side by side are faster than a pair in bands, which wait for each other after every block.
  int calls_at_once() const override { return std::min(threads_, kMaxCalls); }
  Json manifest() const override { return Json::object(); }

  Result<InflatedPairs> Inflate(uint64_t first, size_t count, const PairBudget& /*budget*/) override {
    InflatedPairs pairs;
    const int threads = std::max(threads_ / calls_at_once(), 1);
    for (size_t i = 0; i < count; ++i) pairs.frames.push_back(renderer_->Render(first + i, threads));
    return pairs;
  }

 private:
  Scene scene_;
  int threads_;
  std::unique_ptr<FrameRenderer> renderer_;
};

}  // namespace

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(Scene scene, DecodeScene(member, context));
  auto pairs = std::make_unique<StrictPairs>(std::move(scene), context.threads);
  KIT_TRY(pairs->Prepare());
  return std::unique_ptr<PairSource>(std::move(pairs));
}

}  // namespace kitsink::strict
