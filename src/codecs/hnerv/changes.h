#pragma once
// Changes of what a scene stores about one pair: making them, and proposing those that are worth rendering.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "kitsink/score.h"

namespace kitsink::hnerv {

enum class ChangeKind : uint8_t {
  kCode,        // amount is added to the code of `dim`
  kCorrection,  // the pair's correction becomes `amount` steps of `dim`; kNone and 0 take it away
  kFold,        // the pair's correction, of `dim`, goes, and amount is added to the dimension's code
  kMode,        // the selector mode becomes `amount`
};
inline constexpr size_t kNumChangeKinds = 4;
struct Change {
  ChangeKind kind = ChangeKind::kCode;
  uint8_t dim = 0;
  int8_t amount = 0;
  bool operator==(const Change&) const = default;
};

// The scene has an entry for each pair afterwards where the change needs one. REQUIRES: the change fits the scene.
void MakeChange(const Change& change, size_t pair, Scene& scene);
// True when MakeChange() gives a scene in range that differs.
bool Fits(const Change& change, size_t pair, const Scene& scene);
// Leaves out corrections and selector where no pair has one.
void DropEmptyColumns(Scene& scene);

// What changes of score are worth: of a pair's seg and pose, with the pose term's slope at the mean of the clip, and of
// a bit.
struct ChangePrices {
  double seg = 0, pose = 0, bit = 0;
  double Gain(const PairDistortion& before, const PairDistortion& after) const {
    return seg * (double{before.seg} - double{after.seg}) + pose * (double{before.pose} - double{after.pose});
  }
};

// A change whose frames the nets have read.
struct TestedChange {
  Change change;
  PairDistortion before, after;
  uint32_t version = 0;  // of the pair
};
// What is known of a pair.
struct PolishedPair {
  PairDistortion now;
  uint32_t version = 0;  // number of changes made so far
  std::vector<TestedChange> tested;
};

// Proposes changes by what was tested before, for this pair and others. A function of its arguments.
class ChangeProposer {
 public:
  // All arguments must outlive it. REQUIRES: an element of `pairs` for each pair of the scene.
  ChangeProposer(const Scene& scene, std::span<const PolishedPair> pairs, const ChangePrices& prices);
  // At most `most` changes that were not tested since the pair last changed, most promising first: codes by 1 and 2,
  // corrections by up to 10 steps along dimensions of which both neighbours were tested, selector modes.
  std::vector<Change> Propose(size_t pair, size_t most) const;
  // Rough number of bits that a change costs, without coding: a code by 1 or 2 seldom more than 0.2, of either sign.
  // Corrections and modes as if many pairs had one.
  double GuessBits(const Change& change, size_t pair) const;

 private:
  struct Parabola;
  struct Idea {
    Change change;
    double gain;  // hoped for
  };
  std::optional<Parabola> AlongDimension(size_t pair, size_t dim) const;
  std::optional<double> GainOf(const Change& change, size_t pair) const;
  double InCodes(const Correction& correction) const;
  void Consider(const Change& change, size_t pair, double gain, std::vector<Idea>& ideas) const;
  void ConsiderCodes(size_t pair, std::vector<Idea>& ideas) const;
  void ConsiderCorrections(size_t pair, std::vector<Idea>& ideas) const;

  const Scene& scene_;
  std::span<const PolishedPair> pairs_;
  const ChangePrices& prices_;
  std::vector<double> roughness_;             // of each dimension: mean square of a code minus its neighbours' mean
  std::vector<std::optional<double>> gains_;  // of each dimension: mean gain of a step, where it is one
};

}  // namespace kitsink::hnerv
