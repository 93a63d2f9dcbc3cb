// Searches pairs with given selector codes, as inflate will, and keeps the outcomes in the job's folder.

#include "codecs/search/play.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>

#include "codecs/plan.h"
#include "codecs/search/render.h"
#include "codecs/search/search_threads.h"
#include "kitsink/at_once.h"

namespace kitsink::search {
namespace {

// Searches the pairs of a scene as inflate will, with given selector codes.
class Player {
 public:
  static Result<Player> Create(const Scene& scene, const ObservedClip& clip, Nets& nets, const ResumeFolder& folder,
                               uint64_t num_searches, int at_once, Progress& progress) {
    Player player(scene, clip, nets, folder, num_searches, progress);
    player.at_once_ = at_once;
    KIT_ASSIGN(player.renderer_, Renderer::Create(scene, nets.device()));
    progress.Begin("selectors", num_searches, "searches");
    return player;
  }

  Result<std::vector<PairDistortion>> Play(std::span<const PairCodes> codes) {
    std::vector<PairDistortion> distortions(codes.size());
    std::mutex mutex;  // protects counters and progress
    const auto play = [&](size_t, size_t pair) -> Status {
      const Stopwatch watch;
      KIT_ASSIGN(const bool kept, LoadKept(pair, codes[pair], distortions[pair]));
      if (!kept) {
        KIT_ASSIGN(distortions[pair], Search(pair, codes[pair]));
        ByteWriter writer;
        writer.F32(distortions[pair].seg);
        writer.F32(distortions[pair].pose);
        KIT_TRY(folder_.Save(EntryOf(pair, codes[pair]), writer.Take()));
      }
      const std::lock_guard lock(mutex);
      if (!kept && !estimated_) Estimate(watch.seconds());
      progress_.Update(++done_, "");
      return Ok();
    };
    KIT_TRY(RunAtOnce(codes.size(), at_once_, play));
    return distortions;
  }

 private:
  Player(const Scene& scene, const ObservedClip& clip, Nets& nets, const ResumeFolder& folder, uint64_t num_searches,
         Progress& progress)
      : scene_(scene),
        clip_(clip),
        nets_(nets),
        folder_(folder),
        num_searches_(num_searches),
        progress_(progress),
        poses_(DequantizeTrack(scene.pose)) {}

  static std::string EntryOf(size_t pair, PairCodes codes) {
    return "play-" + std::to_string(pair) + "-" + std::to_string(codes.start_seed) + "-" +
           std::to_string(codes.pose_factor) + "-" + std::to_string(codes.loss_control);
  }

  // False when no earlier job searched the pair with these codes.
  Result<bool> LoadKept(size_t pair, PairCodes codes, PairDistortion& distortion) const {
    if (!folder_.Has(EntryOf(pair, codes))) return false;
    KIT_ASSIGN(const Bytes bytes, folder_.Load(EntryOf(pair, codes)));
    ByteReader reader(bytes);
    distortion = {reader.F32(), reader.F32()};
    KIT_TRY(reader.Finish("searched pair"));
    return true;
  }

  // Tells the user at the start how long the searches will take.
  void Estimate(double seconds) {
    estimated_ = true;
    LogEstimate("selectors: " + std::to_string(num_searches_ - done_) + " searches of " + std::to_string(seconds) +
                    " s, " + std::to_string(at_once_) + " at once, about",
                seconds * static_cast<double>(num_searches_ - done_) / at_once_);
  }

  Result<PairDistortion> Search(size_t pair, PairCodes codes) const {
    PairTarget target{scene_.mask.map(pair), {}, codes};
    std::copy_n(poses_.begin() + static_cast<std::ptrdiff_t>(kPoseValues * pair), kPoseValues, target.pose.begin());
    SearchOptions options;
    options.stop = [this] { return progress_.stop_requested(); };
    KIT_ASSIGN(std::vector<FramePair> rendered, renderer_->Render(pair, 1));
    KIT_ASSIGN(const std::vector<SearchedPair> searched,
               SearchFrames(std::move(rendered), std::span(&target, 1), nets_, options));
    if (progress_.stop_requested()) return Error{Code::kInterrupted, "interrupted; the same command goes on from here"};
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
  uint64_t num_searches_;
  Progress& progress_;
  std::vector<float> poses_;
  std::unique_ptr<Renderer> renderer_;
  int at_once_ = 1;  // searches
  uint64_t done_ = 0;
  bool estimated_ = false;
};

}  // namespace

Result<SelectorChoice> ChooseTails(const Scene& scene, const ObservedClip& clip, SelectorEffort effort,
                                   double score_per_byte, Nets& nets, const ResumeFolder& folder, int threads,
                                   Progress& progress) {
  if (effort == SelectorEffort::kNone) return SelectorChoice();
  const SearchThreads share = ShareThreads(nets.device(), threads);  // as inflate does
  ConfigureTorch(share.each);
  KIT_ASSIGN(Player player, Player::Create(scene, clip, nets, folder, CountSearches(scene.mask.count, effort),
                                           share.at_once, progress));
  KIT_ASSIGN(SelectorChoice choice,
             ChooseSelectors(scene.mask.count, effort, score_per_byte,
                             [&player](std::span<const PairCodes> codes) { return player.Play(codes); }));
  progress.End();
  return choice;
}

}  // namespace kitsink::search
