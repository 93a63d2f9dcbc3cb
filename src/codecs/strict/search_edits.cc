// Searches the edits of one class map after another.

#include "codecs/strict/search_edits.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "codecs/strict/network_torch.h"
#include "codecs/strict/seg_loss.h"
#include "codecs/strict/train_renderer.h"
#include "kitsink/at_once.h"
#include "kitsink/run.h"
#include "nets/nets_torch.h"
#include "train/margins.h"

namespace kitsink::strict {
namespace {

using torch::Tensor;

constexpr size_t kPrunings = 4;   // of the best set of a pass, at most
constexpr int kRowsOfAnIdea = 8;  // below it, for its price; 16 take twice the time and rank no better

// How many frames SegNet reads at once. On a CPU more are no faster and take 100 MB each.
size_t FramesAtOnce(const torch::Device& device, int threads) {
  constexpr size_t kMost = 8, kLeast = 2;
  return device.is_cuda() ? kMost : std::clamp(static_cast<size_t>(threads), kLeast, kMost);
}

int64_t Count(std::span<const uint8_t> wrong) { return std::accumulate(wrong.begin(), wrong.end(), int64_t{0}); }

}  // namespace

Result<std::unique_ptr<EditSearch>> EditSearch::Create(const Scene& scene, std::span<const Observation> targets,
                                                       Nets::Modules& modules, const EditSearchOptions& options,
                                                       int threads) {
  std::unique_ptr<EditSearch> search(new EditSearch(scene, targets, modules, options, threads));
  KIT_ASSIGN(search->renderer_, FrameRenderer::Create(scene));
  search->values_ = ValuesOf(scene.renderer, search->device_);
  for (Tensor& value : search->values_) value.requires_grad_(false);
  KIT_ASSIGN(search->single_, EditPricer::Create(search->maps_, {.threads = threads, .rows = kRowsOfAnIdea}, Limits{}));
  KIT_ASSIGN(search->together_, EditPricer::Create(search->maps_, {.threads = threads, .rows = kAllRows}, Limits{}));
  return search;
}

EditSearch::EditSearch(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
                       const EditSearchOptions& options, int threads)
    : scene_(scene),
      targets_(targets),
      modules_(modules),
      options_(options),
      threads_(threads),
      device_(TorchDevice(modules.device)),
      maps_(scene.mask) {}

void EditSearch::SetMap(size_t pair, std::span<const uint8_t> ids) {
  KIT_CHECK(ids.size() == maps_.map_bytes() && pair < maps_.count);
  std::ranges::copy(ids, maps_.ids.begin() + static_cast<ptrdiff_t>(pair * maps_.map_bytes()));
}

std::vector<EditSearch::Wrong> EditSearch::Read(size_t pair, std::span<const std::vector<uint8_t>> maps) const {
  const torch::NoGradGuard no_grad;
  const std::vector<uint8_t>& target = targets_[pair].class_map;
  std::vector<Wrong> readings;
  const size_t at_once = FramesAtOnce(device_, threads_);
  for (size_t first = 0; first < maps.size(); first += at_once) {
    const auto batch = maps.subspan(first, std::min(at_once, maps.size() - first));
    std::vector<Frame> frames(batch.size());
    const Status rendered = RunAtOnce(batch.size(), threads_, [&](size_t, size_t i) -> Status {
      frames[i] = renderer_->RenderF1(batch[i], pair, 1);
      return Ok();
    });
    KIT_CHECK(rendered.ok());
    std::vector<const Frame*> pointers;
    for (const Frame& frame : frames) pointers.push_back(&frame);
    const Tensor classes = SegLogits(modules_, ResizeToModelGrid(FramesToTensor(pointers, device_)))
                               .argmax(1)
                               .to(torch::kCPU, torch::kUInt8)
                               .contiguous();
    for (size_t i = 0; i < batch.size(); ++i) {
      const uint8_t* const read = classes.data_ptr<uint8_t>() + i * target.size();
      Wrong wrong(target.size());
      for (size_t at = 0; at < target.size(); ++at) wrong[at] = read[at] != target[at] ? 1 : 0;
      readings.push_back(std::move(wrong));
    }
  }
  return readings;
}

std::vector<float> EditSearch::Gradient(size_t pair) const {
  constexpr double kTemperature = 0.15;  // of a wrong pixel's margin
  const int64_t index = static_cast<int64_t>(pair);
  const Tensor planes =
      InputPlanes(MapsToTensor(maps_, {&index, 1}, device_), scene_.renderer.shape.num_classes).requires_grad_(true);
  const Tensor picture = RenderPlanes(scene_.renderer.shape, values_, planes, torch::tensor({index}).to(device_));
  const Tensor logits = SegLogits(modules_, ReadPicture(picture, scene_.renderer.preimage, scene_.frame_size));
  const std::vector<uint8_t>& classes = targets_[pair].class_map;
  const Tensor target = torch::from_blob(const_cast<uint8_t*>(classes.data()),
                                         {1, int64_t{maps_.height}, int64_t{maps_.width}}, torch::kUInt8)
                            .to(device_)
                            .to(torch::kLong);
  const Tensor wrong = torch::sigmoid(-Margins(logits, target) / kTemperature).sum();
  const Tensor gradient = torch::autograd::grad({wrong}, {planes})[0][0]
                              .slice(0, 0, int64_t{maps_.num_classes})
                              .to(torch::kCPU)
                              .contiguous();
  return {gradient.data_ptr<float>(), gradient.data_ptr<float>() + gradient.numel()};
}

std::vector<EditIdea> EditSearch::Ideas(size_t pair, const std::set<IdeaKey>& known) const {
  MapInTime map{maps_.width, maps_.height, maps_.map(pair), {}, {}};
  if (pair > 0) map.previous = maps_.map(pair - 1);
  if (pair + 1 < maps_.count) map.next = maps_.map(pair + 1);
  return ProposeEdits(map, Gradient(pair), options_.costs, known, options_.ideas);
}

// Leaves the ideas that may pay, with their exact prices.
Status EditSearch::Price(size_t pair, std::vector<TestedIdea>& ideas) {
  std::ranges::stable_sort(ideas, {}, [this](const TestedIdea& tested) { return tested.idea.Score(options_.costs); });
  // Those whose guess lies above hold 1 to 2 % of the gain.
  const double most = 0.3 * options_.costs.error;
  while (!ideas.empty() && (ideas.size() > options_.priced || ideas.back().idea.Score(options_.costs) > most)) {
    ideas.pop_back();
  }
  if (ideas.empty()) return Ok();
  std::vector<MapEdits> candidates;
  for (const TestedIdea& tested : ideas) candidates.push_back(tested.idea.edits);
  KIT_ASSIGN(const std::vector<EditPrice> prices, single_->Price(pair, candidates));
  for (size_t i = 0; i < ideas.size(); ++i) ideas[i].idea.bits = prices[i].bits();
  return Ok();
}

std::vector<uint8_t> EditSearch::MapWith(size_t pair, std::span<const EditIdea> ideas) const {
  const std::span<const uint8_t> ids = maps_.map(pair);
  std::vector<uint8_t> map(ids.begin(), ids.end());
  for (const EditIdea& idea : ideas) {
    for (const MapEdit& edit : idea.edits) map[size_t{edit.y} * maps_.width + edit.x] = edit.id;
  }
  return map;
}

// The ideas with what they change in their windows. Those that find no group are left out.
std::vector<TestedIdea> EditSearch::Test(size_t pair, std::span<const EditIdea> ideas, const Wrong& wrong) const {
  struct Group {
    Windows windows;
    std::vector<EditIdea> ideas;
  };
  std::vector<Group> groups;
  for (const EditIdea& idea : ideas) {
    size_t g = 0;
    while (g < groups.size() && !groups[g].windows.IsFree(idea.edits, kEditReach)) ++g;
    if (g == options_.groups) continue;
    if (g == groups.size()) groups.push_back({Windows(maps_.width, maps_.height), {}});
    groups[g].windows.Take(idea.edits, kEditReach, static_cast<int>(groups[g].ideas.size()));
    groups[g].ideas.push_back(idea);
  }
  std::vector<std::vector<uint8_t>> maps;
  for (const Group& group : groups) maps.push_back(MapWith(pair, group.ideas));
  const std::vector<Wrong> readings = Read(pair, maps);
  std::vector<TestedIdea> tested;
  for (size_t g = 0; g < groups.size(); ++g) {
    const size_t first = tested.size();
    for (EditIdea& idea : groups[g].ideas) tested.push_back({std::move(idea), {}, {}});
    for (size_t at = 0; at < wrong.size(); ++at) {
      const int owner = groups[g].windows.owner(at);
      if (owner < 0 || readings[g][at] == wrong[at]) continue;
      TestedIdea& of = tested[first + static_cast<size_t>(owner)];
      (wrong[at] != 0 ? of.mended : of.broken).push_back(at);
    }
    for (size_t i = first; i < tested.size(); ++i) {
      tested[i].idea.errors =
          static_cast<double>(tested[i].broken.size()) - static_cast<double>(tested[i].mended.size());
    }
  }
  return tested;
}

// The best of some sets of ideas, made together.
Result<EditSearch::MadeSet> EditSearch::MakeBest(size_t pair, std::vector<std::vector<EditIdea>> sets,
                                                 const Wrong& wrong) {
  std::vector<std::vector<uint8_t>> maps;
  std::vector<MapEdits> candidates;
  for (const std::vector<EditIdea>& set : sets) {
    maps.push_back(MapWith(pair, set));
    candidates.emplace_back();
    for (const EditIdea& idea : set) {
      candidates.back().insert(candidates.back().end(), idea.edits.begin(), idea.edits.end());
    }
  }
  std::vector<Wrong> readings = Read(pair, maps);
  KIT_ASSIGN(const std::vector<EditPrice> prices, together_->Price(pair, candidates));
  std::vector<double> scores;
  for (size_t i = 0; i < sets.size(); ++i) {
    scores.push_back(options_.costs.error * static_cast<double>(Count(readings[i]) - Count(wrong)) +
                     options_.costs.bit * prices[i].bits());
  }
  const auto best = static_cast<size_t>(std::ranges::min_element(scores) - scores.begin());
  return MadeSet{std::move(sets[best]), std::move(maps[best]), std::move(readings[best]), prices[best].bits(),
                 scores[best]};
}

// Edits the map once; nothing when no set of tested ideas pays.
Result<std::optional<EditSearch::MadeSet>> EditSearch::Pass(size_t pair, const Wrong& wrong, std::set<IdeaKey>& known) {
  const EditCosts& costs = options_.costs;
  std::vector<TestedIdea> tested = Test(pair, Ideas(pair, known), wrong);
  for (const TestedIdea& of : tested) known.insert(KeyOf(of.idea.edits, maps_.width));
  KIT_TRY(Price(pair, tested));

  // Nested sets. Singles cost more than they add to a set, so the largest takes some that do not pay alone.
  const std::vector<AddedIdea> order = OrderIdeas(tested, costs, 0.5 * costs.error, maps_.width, maps_.height);
  std::vector<std::vector<EditIdea>> sets;
  for (const double most : {0.5, 0.0, -1.0}) {  // that an idea adds, in errors
    std::vector<EditIdea> set;
    for (const AddedIdea& added : order) {
      if (added.score < most * costs.error) set.push_back(tested[added.index].idea);
    }
    if (!set.empty() && (sets.empty() || set.size() < sets.back().size())) sets.push_back(std::move(set));
  }
  if (sets.empty()) return std::optional<MadeSet>();
  KIT_ASSIGN(MadeSet best, MakeBest(pair, std::move(sets), wrong));
  for (size_t pruning = 0; pruning < kPrunings; ++pruning) {
    std::vector<EditIdea> paying = PayingIdeas(best.ideas, wrong, best.wrong, costs, maps_.width, maps_.height);
    if (paying.empty() || paying.size() == best.ideas.size()) break;
    KIT_ASSIGN(MadeSet pruned, MakeBest(pair, {std::move(paying)}, wrong));
    if (!(pruned.score < best.score)) break;
    best = std::move(pruned);
  }
  if (!(best.score < 0)) return std::optional<MadeSet>();
  // Ideas near the edits are worth another test.
  Windows near(maps_.width, maps_.height);
  for (const EditIdea& idea : best.ideas) near.Take(idea.edits, kEditReach, 0);
  std::erase_if(known, [&near](const IdeaKey& key) {
    return std::ranges::any_of(key, [&near](uint64_t edit) { return near.owner(edit / 256) >= 0; });
  });
  return std::optional<MadeSet>(std::move(best));
}

Result<EditedMap> EditSearch::Search(size_t pair, uint32_t passes) {
  const std::span<const uint8_t> ids = maps_.map(pair);
  const std::vector<uint8_t> before(ids.begin(), ids.end());
  Wrong wrong = std::move(Read(pair, {&before, 1})[0]);
  EditedMap edited{before, Count(wrong), Count(wrong), 0};
  std::set<IdeaKey> known;  // ideas that were tested and not made
  for (uint32_t pass = 0; pass < passes; ++pass) {
    KIT_ASSIGN(std::optional<MadeSet> better, Pass(pair, wrong, known));
    if (!better.has_value()) break;
    wrong = std::move(better->wrong);
    edited.ids = std::move(better->map);
    edited.errors_after = Count(wrong);
    edited.bits += better->bits;
    SetMap(pair, edited.ids);
  }
  return edited;
}

Result<double> EditSearch::SecondsOfAPass() {
  constexpr size_t kPriced = 16;
  const std::span<const uint8_t> ids = maps_.map(0);
  const std::vector<std::vector<uint8_t>> maps(FramesAtOnce(device_, threads_), {ids.begin(), ids.end()});
  Read(0, {maps.data(), 1});  // LibTorch prepares its kernels
  Stopwatch watch;
  const std::vector<EditIdea> ideas = Ideas(0, {});
  double seconds = watch.seconds();
  watch = Stopwatch();
  Read(0, maps);
  seconds += watch.seconds() * static_cast<double>(options_.groups + kPrunings) / static_cast<double>(maps.size());
  if (ideas.size() < kPriced) return seconds;
  std::vector<TestedIdea> tested;
  for (size_t i = 0; i < kPriced; ++i) tested.push_back({ideas[i], {}, {}});
  watch = Stopwatch();
  KIT_TRY(Price(0, tested));
  return seconds + watch.seconds() * static_cast<double>(options_.priced) / kPriced;
}

}  // namespace kitsink::strict
