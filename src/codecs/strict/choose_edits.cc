// Chooses which of the tested ideas of a class map are made together.

#include "codecs/strict/choose_edits.h"

#include <numeric>

namespace kitsink::strict {
namespace {

constexpr int kApart = 3;  // pixels around edits that are made together

// What the chosen ideas do to each pixel.
class Changed {
 public:
  explicit Changed(size_t pixels) : mended_(pixels), broken_(pixels) {}

  // Errors that one more idea adds.
  double Adds(const TestedIdea& tested) const {
    const auto in = [](const std::vector<bool>& set) { return [&set](size_t at) { return !set[at]; }; };
    return static_cast<double>(std::ranges::count_if(tested.broken, in(broken_)) -
                               std::ranges::count_if(tested.mended, in(mended_)));
  }
  void Add(const TestedIdea& tested) {
    for (const size_t at : tested.mended) mended_[at] = true;
    for (const size_t at : tested.broken) broken_[at] = true;
  }

 private:
  std::vector<bool> mended_, broken_;
};

}  // namespace

std::vector<AddedIdea> OrderIdeas(std::span<const TestedIdea> ideas, const EditCosts& costs, double most,
                                  uint32_t width, uint32_t height) {
  Windows taken(width, height);
  Changed changed(size_t{width} * height);
  const auto adds = [&](size_t i) { return costs.error * changed.Adds(ideas[i]) + costs.bit * ideas[i].idea.bits; };
  std::vector<size_t> left(ideas.size());
  std::iota(left.begin(), left.end(), size_t{0});
  std::vector<AddedIdea> order;
  while (!left.empty()) {
    const auto best = std::ranges::min_element(left, {}, adds);
    const AddedIdea next{*best, adds(*best)};
    if (!(next.score < most)) break;
    const MapEdits& edits = ideas[next.index].idea.edits;
    taken.Take(edits, kApart, 0);
    changed.Add(ideas[next.index]);
    order.push_back(next);
    // The idea itself goes, too.
    std::erase_if(left, [&](size_t i) { return !taken.IsFree(ideas[i].idea.edits, kApart); });
  }
  return order;
}

std::vector<EditIdea> PayingIdeas(std::span<const EditIdea> set, std::span<const uint8_t> wrong,
                                  std::span<const uint8_t> wrong_after, const EditCosts& costs, uint32_t width,
                                  uint32_t height) {
  Windows nearest(width, height);
  for (int reach = kEditReach; reach >= 0; --reach) {
    for (size_t i = 0; i < set.size(); ++i) nearest.Take(set[i].edits, reach, static_cast<int>(i));
  }
  std::vector<int> errors(set.size());
  for (size_t at = 0; at < wrong.size(); ++at) {
    const int owner = nearest.owner(at);
    if (owner >= 0) errors[static_cast<size_t>(owner)] += int{wrong_after[at]} - int{wrong[at]};
  }
  std::vector<EditIdea> paying;
  for (size_t i = 0; i < set.size(); ++i) {
    if (costs.error * errors[i] + costs.bit * set[i].bits < 0) paying.push_back(set[i]);
  }
  return paying;
}

}  // namespace kitsink::strict
