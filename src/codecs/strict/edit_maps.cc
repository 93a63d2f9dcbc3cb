// Edits the class maps in rounds, each judged by the score of its archive.

#include "codecs/strict/edit_maps.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "codecs/entries.h"
#include "codecs/plan.h"
#include "codecs/strict/pose_solver.h"
#include "codecs/strict/render.h"
#include "codecs/strict/search_edits.h"
#include "kitsink/bytes.h"
#include "kitsink/contest.h"
#include "kitsink/score.h"
#include "nets/nets_torch.h"

namespace kitsink::strict {
namespace {

constexpr size_t kMapsSection = 0;  // EncodeScene's order

Bytes PackEdits(std::span<const uint8_t> before, const EditedMap& edited) {
  ByteWriter writer;
  writer.U32(static_cast<uint32_t>(edited.errors_before));
  writer.U32(static_cast<uint32_t>(edited.errors_after));
  writer.F32(static_cast<float>(edited.bits));
  for (size_t at = 0; at < before.size(); ++at) {
    if (edited.ids[at] == before[at]) continue;
    writer.U32(static_cast<uint32_t>(at));
    writer.U8(edited.ids[at]);
  }
  return writer.Take();
}

Result<EditedMap> UnpackEdits(std::span<const uint8_t> before, std::span<const uint8_t> bytes, uint32_t num_classes) {
  ByteReader reader(bytes);
  EditedMap edited{{before.begin(), before.end()}, reader.U32(), reader.U32(), reader.F32()};
  while (reader.remaining() > 0) {
    const uint32_t at = reader.U32();
    const uint8_t id = reader.U8();
    if (reader.overran() || at >= before.size() || id >= num_classes) {
      return Error{Code::kCorrupt, "edited map: an entry of the resume folder is damaged"};
    }
    edited.ids[at] = id;
  }
  KIT_TRY(reader.Finish("edited map"));
  return edited;
}

// One round, up to the scene that would follow.
class Round {
 public:
  Round(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules, const MapEditing& options,
        const ResumeFolder& folder, std::string name, int threads, Progress& progress)
      : scene_(scene),
        edited_(scene),
        targets_(targets),
        modules_(modules),
        options_(options),
        folder_(folder),
        name_(std::move(name)),
        threads_(threads),
        progress_(progress),
        pairs_(targets.size()) {}

  Status Search(bool first) {
    const Crew& crew = folder_.crew();
    const uint64_t blocks = std::clamp<uint64_t>(pairs_.size() / kPairsOfABlock, 1, kMostBlocks);
    const auto first_of = [&](uint64_t block) { return pairs_.size() * block / blocks; };
    const PairRange own = crew.shard().PartOf(blocks);
    done_ = 0;
    progress_.Begin(name_, first_of(own.end) - first_of(own.first), "pairs");
    for (uint64_t block = own.first; block < own.end; ++block) {
      KIT_TRY(SearchBlock(first_of(block), first_of(block + 1), first && block == own.first));
    }
    progress_.End();
    KIT_TRY(folder_.crew().Wait());
    for (size_t i = 0; i < pairs_.size(); ++i) KIT_TRY(Take(i));
    return Ok();
  }

  // Solves the coefficients of the changed pairs anew, and measures those of the others.
  Status SolvePoses() {
    KIT_ASSIGN(const std::unique_ptr<FrameRenderer> renderer, FrameRenderer::Create(scene_));
    const size_t terms = scene_.carrier.num_terms();
    EntryWork work{.stage = name_ + " poses", .count = pairs_.size()};
    work.at_once = modules_.device.cuda ? 1 : threads_;
    work.name = [&](size_t i) { return name_ + "-pose-" + std::to_string(i); };
    work.make = [&](size_t i) -> Result<Bytes> {
      const auto solver = [&](const MaskClip& maps) {
        return MakePairSolver(scene_, *renderer, maps.map(i), i, targets_[i].pose, modules_);
      };
      const auto at = scene_.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * terms);
      SolvedPair solved{Coefficients(at, at + static_cast<ptrdiff_t>(terms)), 0};
      const double before = solver(scene_.mask)->Errors({&solved.coefficients, 1})[0];
      solved.error = before;
      const bool in_time = options_.seconds_left() > 0;
      const PairSolveOptions effort = in_time ? PairSolveOptions{.iterations = 4, .polish = 4} : kShortest;
      if (pairs_[i].changed) solved = solver(edited_.mask)->Solve(solved.coefficients, effort);
      ByteWriter writer;
      writer.F32(static_cast<float>(before));
      writer.F32(static_cast<float>(solved.error));
      for (const int16_t code : solved.coefficients) writer.U16(static_cast<uint16_t>(code));
      return writer.Take();
    };
    work.take = [&](size_t i, ByteReader& entry) {
      pairs_[i].pose_before = entry.F32();
      pairs_[i].pose_after = entry.F32();
      for (size_t k = 0; k < terms; ++k) {
        edited_.carrier.coefficients[i * terms + k] = static_cast<int16_t>(entry.U16());
      }
      return Ok();
    };
    return MakeEntries(work, folder_, progress_);
  }

  // Gives the pairs that do not pay their maps and coefficients back.
  void Choose() {
    const std::vector<bool> kept =
        ChoosePairs(pairs_, static_cast<double>(scene_.mask.map_bytes()), ScorePerByte(options_.original_bytes) / 8);
    const size_t terms = scene_.carrier.num_terms();
    for (size_t i = 0; i < pairs_.size(); ++i) {
      if (kept[i]) continue;
      std::ranges::copy(scene_.mask.map(i),
                        edited_.mask.ids.begin() + static_cast<ptrdiff_t>(i * edited_.mask.map_bytes()));
      std::copy_n(scene_.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * terms), terms,
                  edited_.carrier.coefficients.begin() + static_cast<ptrdiff_t>(i * terms));
      pairs_[i].errors_after = pairs_[i].errors_before;
      pairs_[i].bits = 0;
    }
  }

  EditRound Report() const {
    EditRound report;
    for (size_t at = 0; at < scene_.mask.ids.size(); ++at) {
      report.pixels += scene_.mask.ids[at] != edited_.mask.ids[at] ? 1 : 0;
    }
    for (const EditedPair& pair : pairs_) {
      report.errors_before += pair.errors_before;
      report.errors_after += pair.errors_after;
      report.price_bits += pair.bits;
    }
    return report;
  }
  const Scene& edited() const { return edited_; }

 private:
  // Edits pairs one after the other, each knowing the edits of the one before. The first knows the map before it as the
  // round found it.
  Status SearchBlock(size_t begin, size_t end, bool estimate) {
    const double score_per_bit = ScorePerByte(options_.original_bytes) / 8;
    const auto pixels = static_cast<double>(targets_.size() * scene_.mask.map_bytes());
    const EditSearchOptions search_options{.costs = {100 / pixels, score_per_bit}};
    KIT_ASSIGN(const std::unique_ptr<EditSearch> search,
               EditSearch::Create(scene_, targets_, modules_, search_options, threads_));
    if (estimate && !folder_.Has(EntryOf(begin))) {
      KIT_ASSIGN(const double seconds, search->SecondsOfAPass());
      LogEstimate(options_.name + ", without solving poses: at most about",
                  seconds * options_.passes * options_.rounds * PairsOfAProcess(pairs_.size(), folder_),
                  options_.seconds_left());
    }
    for (size_t i = begin; i < end; ++i) {
      if (!folder_.Has(EntryOf(i))) {
        // Solving poses takes a third of the time of the search.
        const bool in_time = options_.seconds_left() > watch_.seconds() / 3;
        KIT_ASSIGN(const EditedMap edited, search->Search(i, in_time ? options_.passes : 0));
        KIT_TRY(folder_.Save(EntryOf(i), PackEdits(scene_.mask.map(i), edited)));
      }
      KIT_TRY(Take(i));
      search->SetMap(i, edited_.mask.map(i));
      progress_.Update(++done_, "");
      if (progress_.stop_requested()) return Interrupted();
    }
    return Ok();
  }

  // The edits of a pair from the job's folder.
  Status Take(size_t i) {
    const std::span<const uint8_t> before = scene_.mask.map(i);
    KIT_ASSIGN(const Bytes bytes, folder_.Load(EntryOf(i)));
    KIT_ASSIGN(const EditedMap edited, UnpackEdits(before, bytes, scene_.mask.num_classes));
    std::ranges::copy(edited.ids, edited_.mask.ids.begin() + static_cast<ptrdiff_t>(i * edited_.mask.map_bytes()));
    pairs_[i].errors_before = edited.errors_before;
    pairs_[i].errors_after = edited.errors_after;
    pairs_[i].bits = edited.bits;
    pairs_[i].changed = !std::ranges::equal(edited.ids, before);
    return Ok();
  }

  std::string EntryOf(size_t pair) const { return name_ + "-map-" + std::to_string(pair); }

  const Scene& scene_;
  Scene edited_;
  std::span<const Observation> targets_;
  Nets::Modules& modules_;
  const MapEditing& options_;
  const ResumeFolder& folder_;
  std::string name_;
  int threads_;
  Progress& progress_;
  std::vector<EditedPair> pairs_;
  uint64_t done_ = 0;  // of this process's pairs
  Stopwatch watch_;
};

}  // namespace

std::vector<bool> ChoosePairs(std::span<const EditedPair> pairs, double map_pixels, double score_per_bit) {
  const auto count = static_cast<double>(pairs.size());
  double errors = 0, pose = 0, bits = 0;
  std::vector<bool> kept;
  for (const EditedPair& pair : pairs) {
    kept.push_back(pair.changed);
    errors += static_cast<double>(pair.changed ? pair.errors_after : pair.errors_before);
    pose += pair.changed ? pair.pose_after : pair.pose_before;
    bits += pair.changed ? pair.bits : 0;
  }
  const auto score = [&](double with_errors, double with_pose, double with_bits) {
    return DistortionTerms(with_errors / (count * map_pixels), std::max(with_pose, 0.0) / count) +
           score_per_bit * with_bits;
  };
  for (;;) {
    double least = score(errors, pose, bits);
    size_t dropped = pairs.size();
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (!kept[i]) continue;
      const double without = score(errors - static_cast<double>(pairs[i].errors_after - pairs[i].errors_before),
                                   pose - pairs[i].pose_after + pairs[i].pose_before, bits - pairs[i].bits);
      if (!(without < least)) continue;
      least = without;
      dropped = i;
    }
    if (dropped == pairs.size()) return kept;
    kept[dropped] = false;
    errors -= static_cast<double>(pairs[dropped].errors_after - pairs[dropped].errors_before);
    pose += pairs[dropped].pose_before - pairs[dropped].pose_after;
    bits -= pairs[dropped].bits;
  }
}

Result<EditedScene> EditMaps(const Scene& scene, std::span<const Observation> targets, Nets& nets,
                             const MapEditing& options, const ResumeFolder& folder, int threads, Progress& progress) {
  KIT_CHECK(targets.size() == scene.mask.count);
  EditedScene result{scene, {}, {}};
  if (options.measured.has_value()) {
    result.measured = *options.measured;
  } else {
    KIT_ASSIGN(result.measured, options.measure(scene));
  }
  KIT_ASSIGN(Nets::Modules* const modules, nets.FoldedModules());
  for (uint32_t r = 1; r <= options.rounds; ++r) {
    KIT_ASSIGN(const bool expired, folder.crew().LeaderSays(options.seconds_left() <= 0));
    if (expired) break;
    Round round(result.scene, targets, *modules, options, folder, options.name + "-" + std::to_string(r), threads,
                progress);
    KIT_TRY(Guarded("edits", [&] { return round.Search(r == 1); }));
    KIT_TRY(round.SolvePoses());
    round.Choose();
    EditRound report = round.Report();
    if (report.pixels == 0) break;
    KIT_ASSIGN(MeasuredMember measured, options.measure(round.edited()));
    const auto maps_bytes = [](const MeasuredMember& of) {
      return static_cast<int64_t>(of.member.sections[kMapsSection].size());
    };
    report.paid_bytes = maps_bytes(measured) - maps_bytes(result.measured);
    report.gain = result.measured.score.total() - measured.score.total();
    report.kept = report.gain > 0;
    result.rounds.push_back(report);
    Log(LogLevel::kInfo,
        options.name + ": round " + std::to_string(r) + ": " + std::to_string(report.pixels) + " pixels, errors " +
            std::to_string(report.errors_before) + " to " + std::to_string(report.errors_after) + ", price " +
            std::to_string(std::lround(report.price_bits / 8)) + " bytes, paid " + std::to_string(report.paid_bytes) +
            ", gain " + std::to_string(report.gain) + (report.kept ? "" : ", undone"));
    if (!report.kept) break;
    result.scene = round.edited();
    result.measured = std::move(measured);
    if (report.gain < options.least_gain) break;
  }
  return result;
}

}  // namespace kitsink::strict
