// Searches pairs with given selector codes, as inflate will, and keeps the outcomes in the job's folder.

#include "codecs/search/play.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <string>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/search/render.h"
#include "codecs/search/search_threads.h"

namespace kitsink::search {
namespace {

// Searches the pairs of a scene as inflate will, with given selector codes.
class Player {
 public:
  static Result<std::unique_ptr<Player>> Create(const Scene& scene, const ObservedClip& clip, Nets& nets,
                                                const ResumeFolder& folder, uint64_t num_plays, int at_once,
                                                Progress& progress) {
    auto player = std::unique_ptr<Player>(new Player(scene, clip, nets, folder, num_plays, progress));
    player->at_once_ = at_once;
    KIT_ASSIGN(player->renderer_, Renderer::Create(scene, nets.device()));
    return player;
  }

  Result<std::vector<PairDistortion>> Play(std::span<const PairCodes> codes) {
    std::vector<PairDistortion> distortions(codes.size());
    EntryWork work{.stage = "selectors, " + std::to_string(++plays_) + " of " + std::to_string(num_plays_),
                   .count = codes.size(),
                   .at_once = at_once_};
    work.name = [&](size_t pair) { return EntryOf(pair, codes[pair]); };
    work.make = [&](size_t pair) -> Result<Bytes> {
      const Stopwatch watch;
      KIT_ASSIGN(const PairDistortion found, Search(pair, codes[pair]));
      if (!estimated_.exchange(true)) Estimate(watch.seconds());
      ByteWriter writer;
      writer.F32(found.seg);
      writer.F32(found.pose);
      return writer.Take();
    };
    work.take = [&](size_t pair, ByteReader& entry) {
      distortions[pair] = {entry.F32(), entry.F32()};
      return Ok();
    };
    KIT_TRY(MakeEntries(work, folder_, progress_));
    return distortions;
  }

 private:
  Player(const Scene& scene, const ObservedClip& clip, Nets& nets, const ResumeFolder& folder, uint64_t num_plays,
         Progress& progress)
      : scene_(scene),
        clip_(clip),
        nets_(nets),
        folder_(folder),
        num_plays_(num_plays),
        progress_(progress),
        poses_(DequantizeTrack(scene.pose)) {}

  static std::string EntryOf(size_t pair, PairCodes codes) {
    return "play-" + std::to_string(pair) + "-" + std::to_string(codes.start_seed) + "-" +
           std::to_string(codes.pose_factor) + "-" + std::to_string(codes.loss_control);
  }

  // Tells the user at the start how long the searches will take.
  void Estimate(double seconds) const {
    const double searches = static_cast<double>(num_plays_) * PairsOfAProcess(scene_.mask.count, folder_);
    LogEstimate("selectors: at most " + std::to_string(std::lround(searches)) + " searches of " +
                    std::to_string(seconds) + " s, " + std::to_string(at_once_) + " at once, about",
                seconds * searches / at_once_, /*seconds_left=*/INFINITY);
  }

  Result<PairDistortion> Search(size_t pair, PairCodes codes) const {
    PairTarget target{scene_.mask.map(pair), {}, codes};
    std::copy_n(poses_.begin() + static_cast<std::ptrdiff_t>(kPoseValues * pair), kPoseValues, target.pose.begin());
    SearchOptions options;
    options.stop = [this] { return progress_.stop_requested(); };
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer_->Render(pair, 1));
    KIT_ASSIGN(const std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), std::span(&target, 1), nets_, options));
    if (progress_.stop_requested()) return Interrupted();
    KIT_ASSIGN(const std::vector<Observation> got, nets_.Observe(std::span(&searched[0].frames, 1)));
    Observation original{{target.class_map.begin(), target.class_map.end()}, {}};
    std::copy_n(clip_.poses.begin() + static_cast<std::ptrdiff_t>(kPoseValues * pair), kPoseValues,
                original.pose.begin());
    return ComparePair(original, got[0]);
  }

  const Scene& scene_;
  const ObservedClip& clip_;
  Nets& nets_;
  const ResumeFolder& folder_;
  uint64_t num_plays_;  // of all pairs, each with some codes
  Progress& progress_;
  std::vector<float> poses_;
  std::unique_ptr<Renderer> renderer_;
  int at_once_ = 1;  // searches
  uint64_t plays_ = 0;
  std::atomic<bool> estimated_ = false;
};

}  // namespace

Result<SelectorChoice> ChooseTails(const Scene& scene, const ObservedClip& clip, SelectorEffort effort,
                                   double score_per_byte, Nets& nets, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  if (effort == SelectorEffort::kNone) return SelectorChoice();
  const SearchThreads share = ShareThreads(nets.device(), threads);  // as inflate does
  ConfigureTorch(share.each);
  KIT_ASSIGN(const std::unique_ptr<Player> player,
             Player::Create(scene, clip, nets, folder, CountPlays(effort), share.at_once, progress));
  return ChooseSelectors(scene.mask.count, effort, score_per_byte,
                         [&player](std::span<const PairCodes> codes) { return player->Play(codes); });
}

}  // namespace kitsink::search
