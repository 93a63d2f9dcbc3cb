#pragma once
// Searches the edits of one class map after another: proposed by gradients, priced exactly, tested through the frames
// that inflate writes and SegNet. Functions throw what LibTorch throws: call them inside Guarded.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "codecs/strict/choose_edits.h"
#include "codecs/strict/propose_edits.h"
#include "codecs/strict/render.h"
#include "kitsink/mask_prices.h"
#include "kitsink/nets.h"

namespace kitsink::strict {

struct EditSearchOptions {
  EditCosts costs;
  size_t ideas = 1000;  // considered in a pass
  size_t groups = 24;   // of ideas that lie apart, tested in one frame each
  size_t priced = 200;  // in a pass at most, of the tested ideas
};

// What the search did to a map.
struct EditedMap {
  std::vector<uint8_t> ids;
  int64_t errors_before = 0, errors_after = 0;  // wrong pixels of SegNet
  double bits = 0;                              // price of all edits together; negative: the maps become shorter
};

class EditSearch {
 public:
  // Starts from the scene's maps. All arguments must outlive the search.
  static Result<std::unique_ptr<EditSearch>> Create(const Scene& scene, std::span<const Observation> targets,
                                                    Nets::Modules& modules, const EditSearchOptions& options,
                                                    int threads);
  // Edits a map in so many passes at most, given the maps before it as they are now. Each pass begins with gradients at
  // the map so far. Pairs must come in order.
  Result<EditedMap> Search(size_t pair, uint32_t passes);
  // Gives a map other ids, for the pairs that follow. REQUIRES: ids of the map's size below num_classes.
  void SetMap(size_t pair, std::span<const uint8_t> ids);
  // The maps as they are now.
  const MaskClip& maps() const { return maps_; }
  // Seconds of a pass over a map, estimated from parts of one over the first map.
  Result<double> SecondsOfAPass();

 private:
  EditSearch(const Scene& scene, std::span<const Observation> targets, Nets::Modules& modules,
             const EditSearchOptions& options, int threads);

  using Wrong = std::vector<uint8_t>;  // of each pixel: 1 where SegNet reads another class than the target
  std::vector<Wrong> Read(size_t pair, std::span<const std::vector<uint8_t>> maps) const;
  std::vector<float> Gradient(size_t pair) const;
  std::vector<EditIdea> Ideas(size_t pair, const std::set<IdeaKey>& known) const;
  std::vector<TestedIdea> Test(size_t pair, std::span<const EditIdea> ideas, const Wrong& wrong) const;
  Status Price(size_t pair, std::vector<TestedIdea>& ideas);
  std::vector<uint8_t> MapWith(size_t pair, std::span<const EditIdea> ideas) const;
  struct MadeSet {
    std::vector<EditIdea> ideas;
    std::vector<uint8_t> map;
    Wrong wrong;
    double bits = 0;   // price of all together
    double score = 0;  // relative to the map without them
  };
  Result<MadeSet> MakeBest(size_t pair, std::vector<std::vector<EditIdea>> sets, const Wrong& wrong);
  Result<std::optional<MadeSet>> Pass(size_t pair, const Wrong& wrong, std::set<IdeaKey>& known);

  const Scene& scene_;
  std::span<const Observation> targets_;
  Nets::Modules& modules_;
  EditSearchOptions options_;
  int threads_;
  torch::Device device_;
  MaskClip maps_;
  std::unique_ptr<FrameRenderer> renderer_;
  std::vector<torch::Tensor> values_;            // of the renderer
  std::optional<EditPricer> single_, together_;  // of ideas; of all edits of a map
};

}  // namespace kitsink::strict
