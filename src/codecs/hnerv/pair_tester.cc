// Renders changed pairs and lets the nets read them.

#include "codecs/hnerv/pair_tester.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "kitsink/at_once.h"

namespace kitsink::hnerv {

Result<std::unique_ptr<PairTester>> PairTester::Create(const Scene& scene, std::span<const Observation> targets,
                                                       Nets& nets, int threads) {
  KIT_ASSIGN(std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene));
  return std::unique_ptr<PairTester>(new PairTester(std::move(renderer), targets, nets, threads));
}

size_t PairTester::BatchOf(size_t pair, size_t num_pairs) {
  return std::min(kUpstreamBatchSize, num_pairs - pair / kUpstreamBatchSize * kUpstreamBatchSize);
}

Status PairTester::Test(const Scene& scene, size_t pair, std::span<TestedChange> changes) const {
  const size_t size = BatchOf(pair, targets_.size());
  for (size_t first = 0; first < changes.size(); first += size) {
    const auto batch = changes.subspan(first, std::min(size, changes.size() - first));
    std::vector<FramePair> frames(batch.size());
    KIT_TRY(RunAtOnce(batch.size(), threads_, [&](size_t, size_t i) -> Status {
      frames[i] = Render(scene, pair, batch[i].change);
      return Ok();
    }));
    frames.resize(size, FramePair(frames[0]));
    KIT_ASSIGN(const std::vector<Observation> read, nets_.Observe(frames));
    for (size_t i = 0; i < batch.size(); ++i) batch[i].after = ComparePair(targets_[pair], read[i]);
  }
  return Ok();
}

FramePair PairTester::Render(const Scene& scene, size_t pair, const Change& change) const {
  const Latents& all = scene.latents;
  Scene one;  // of this pair alone
  one.latents = {1, all.dims, {}, all.minimum, all.scale, {}, all.correction_unit};
  const auto codes = all.codes.begin() + static_cast<ptrdiff_t>(pair * all.dims);
  one.latents.codes.assign(codes, codes + all.dims);
  if (!all.corrections.empty()) one.latents.corrections = {all.corrections[pair]};
  if (!scene.selector.empty()) one.selector = {scene.selector[pair]};
  MakeChange(change, 0, one);
  return renderer_->Render(DequantizeLatent(one.latents, 0), one.selector.empty() ? uint8_t{0} : one.selector[0]);
}

}  // namespace kitsink::hnerv
