// Makes and proposes changes of a pair's latent codes, correction and selector mode.

#include "codecs/hnerv/changes.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "kitsink/half.h"
#include "kitsink/result.h"

namespace kitsink::hnerv {
namespace {

constexpr int kMostSteps = 10;         // of a correction
constexpr double kCorrectionBits = 9;  // dimension and steps
constexpr double kModeBits = 3;
constexpr double kStale = 0.5;            // of a gain that was measured before the pair last changed
constexpr double kPoseShareOfMode = 0.1;  // of a pair's pose error, hoped for from an untested mode
constexpr double kUnknown = 1e6;          // a gain that nothing is known of: to be tested first

Correction CorrectionOf(const Scene& scene, size_t pair) {
  return scene.latents.corrections.empty() ? Correction() : scene.latents.corrections[pair];
}
uint8_t ModeOf(const Scene& scene, size_t pair) { return scene.selector.empty() ? uint8_t{0} : scene.selector[pair]; }

// Mean of the neighbours in time that there are; the code itself where there is none.
double AroundCode(const Latents& latents, size_t pair, size_t dim) {
  const size_t at = pair * latents.dims + dim;
  double sum = 0, count = 0;
  for (const bool next : {false, true}) {
    if (next ? pair + 1 >= latents.num_pairs : pair == 0) continue;
    sum += latents.codes[next ? at + latents.dims : at - latents.dims];
    ++count;
  }
  return count > 0 ? sum / count : latents.codes[at];
}

}  // namespace

void MakeChange(const Change& change, size_t pair, Scene& scene) {
  Latents& latents = scene.latents;
  if (change.kind == ChangeKind::kMode) {
    scene.selector.resize(latents.num_pairs);
    scene.selector[pair] = static_cast<uint8_t>(change.amount);
    return;
  }
  if (change.kind != ChangeKind::kCode) latents.corrections.resize(latents.num_pairs);
  if (change.kind == ChangeKind::kCorrection) latents.corrections[pair] = {change.dim, change.amount};
  if (change.kind == ChangeKind::kFold) latents.corrections[pair] = Correction();
  if (change.kind == ChangeKind::kCorrection) return;
  uint8_t& code = latents.codes[pair * latents.dims + change.dim];
  code = static_cast<uint8_t>(code + change.amount);
}

bool Fits(const Change& change, size_t pair, const Scene& scene) {
  const Latents& latents = scene.latents;
  const Correction now = CorrectionOf(scene, pair);
  if (change.kind == ChangeKind::kMode) {
    return change.amount >= 0 && change.amount < kNumSelectorModes && change.amount != ModeOf(scene, pair);
  }
  if (change.kind == ChangeKind::kCorrection) {
    const bool none = change.dim == Correction::kNone;
    return now != Correction{change.dim, change.amount} && none == (change.amount == 0) &&
           (none || change.dim < latents.dims);
  }
  if (change.dim >= latents.dims || change.amount == 0) return false;
  if (change.kind == ChangeKind::kFold && now.dim != change.dim) return false;
  const int code = int{latents.codes[pair * latents.dims + change.dim]} + change.amount;
  return code >= 0 && code <= 255;
}

void DropEmptyColumns(Scene& scene) {
  if (std::ranges::all_of(scene.latents.corrections, [](const Correction& c) { return c == Correction(); })) {
    scene.latents.corrections.clear();
  }
  if (std::ranges::all_of(scene.selector, [](uint8_t mode) { return mode == 0; })) scene.selector.clear();
}

// The gain along a dimension, 0 for no change.
struct ChangeProposer::Parabola {
  double slope = 0, curvature = 0;
  double At(double codes) const { return codes * (slope + codes * curvature); }
};

ChangeProposer::ChangeProposer(const Scene& scene, std::span<const PolishedPair> pairs, const ChangePrices& prices)
    : scene_(scene), pairs_(pairs), prices_(prices) {
  const Latents& latents = scene.latents;
  for (size_t dim = 0; dim < latents.dims; ++dim) {
    double squares = 0;
    for (size_t pair = 0; pair < latents.num_pairs; ++pair) {
      const double apart = latents.codes[pair * latents.dims + dim] - AroundCode(latents, pair, dim);
      squares += apart * apart;
    }
    roughness_.push_back(std::max(squares / latents.num_pairs, 0.5));
    double sum = 0, count = 0;
    for (const PolishedPair& pair : pairs) {
      for (const TestedChange& tested : pair.tested) {
        if (tested.change.kind != ChangeKind::kCode || tested.change.dim != dim) continue;
        sum += std::max(prices.Gain(tested.before, tested.after), 0.0);
        ++count;
      }
    }
    gains_.push_back(count > 0 ? std::optional<double>(sum / count) : std::nullopt);
  }
}

double ChangeProposer::GuessBits(const Change& change, size_t pair) const {
  if (change.kind == ChangeKind::kMode) {
    return (change.amount != 0 ? kModeBits : 0) - (ModeOf(scene_, pair) != 0 ? kModeBits : 0);
  }
  double bits = 0;
  if (change.kind != ChangeKind::kCode) {
    if (change.kind == ChangeKind::kCorrection && change.dim != Correction::kNone) bits += kCorrectionBits;
    if (CorrectionOf(scene_, pair).dim != Correction::kNone) bits -= kCorrectionBits;
  }
  if (change.kind == ChangeKind::kCorrection) return bits;
  // As if a code were a Gaussian around its neighbours.
  const Latents& latents = scene_.latents;
  const double apart = latents.codes[pair * latents.dims + change.dim] - AroundCode(latents, pair, change.dim);
  const double squares = change.amount * (2 * apart + change.amount);
  return bits + squares / (2 * roughness_[change.dim] * std::log(2.0));
}

// The last measured gain of a change, discounted where the pair has changed since.
std::optional<double> ChangeProposer::GainOf(const Change& change, size_t pair) const {
  const PolishedPair& known = pairs_[pair];
  for (size_t i = known.tested.size(); i-- > 0;) {
    const TestedChange& tested = known.tested[i];
    if (tested.change != change) continue;
    const double gain = prices_.Gain(tested.before, tested.after);
    return tested.version < known.version && gain > 0 ? kStale * gain : gain;
  }
  return std::nullopt;
}

std::optional<ChangeProposer::Parabola> ChangeProposer::AlongDimension(size_t pair, size_t dim) const {
  const std::optional<double> up = GainOf({ChangeKind::kCode, static_cast<uint8_t>(dim), 1}, pair);
  const std::optional<double> down = GainOf({ChangeKind::kCode, static_cast<uint8_t>(dim), -1}, pair);
  if (!up.has_value() || !down.has_value() || HalfToFloat(scene_.latents.scale[dim]) == 0) return std::nullopt;
  return Parabola{(*up - *down) / 2, (*up + *down) / 2};
}

double ChangeProposer::InCodes(const Correction& correction) const {
  return correction.steps * double{scene_.latents.correction_unit} /
         double{HalfToFloat(scene_.latents.scale[correction.dim])};
}

// Adds a change with the gain that is hoped for, or with the last measured one.
void ChangeProposer::Consider(const Change& change, size_t pair, double gain, std::vector<Idea>& ideas) const {
  if (!Fits(change, pair, scene_)) return;
  const PolishedPair& known = pairs_[pair];
  const bool tested = std::ranges::any_of(known.tested, [&](const TestedChange& other) {
    return other.change == change && other.version == known.version;
  });
  if (tested) return;
  ideas.push_back({change, GainOf(change, pair).value_or(gain) - prices_.bit * GuessBits(change, pair)});
}

void ChangeProposer::ConsiderCodes(size_t pair, std::vector<Idea>& ideas) const {
  const size_t dims = scene_.latents.dims;
  for (size_t i = 0; i < dims; ++i) {
    // Pairs begin with different dimensions, so that the first round learns about all of them.
    const size_t dim = (i + 7 * pair) % dims;
    const std::optional<Parabola> along = AlongDimension(pair, dim);
    for (const int amount : {1, -1, 2, -2}) {
      const bool near = amount == 1 || amount == -1;
      const double gain = near                ? gains_[dim].value_or(kUnknown)
                          : along.has_value() ? along->At(amount)
                                              : gains_[dim].value_or(0) / 2;
      Consider({ChangeKind::kCode, static_cast<uint8_t>(dim), static_cast<int8_t>(amount)}, pair, gain, ideas);
    }
  }
}

// Corrections lie between the codes. Of each dimension the most promising.
void ChangeProposer::ConsiderCorrections(size_t pair, std::vector<Idea>& ideas) const {
  const Correction now = CorrectionOf(scene_, pair);
  double without = 0;  // gain of taking the present one away
  if (now.dim != Correction::kNone) {
    const std::optional<Parabola> along = AlongDimension(pair, now.dim);
    if (!along.has_value()) return;
    without = along->At(-InCodes(now));
    const double nearest = std::clamp(std::round(InCodes(now)), -100.0, 100.0);
    Consider({ChangeKind::kCorrection, Correction::kNone, 0}, pair, without, ideas);
    Consider({ChangeKind::kFold, now.dim, static_cast<int8_t>(nearest)}, pair, along->At(nearest - InCodes(now)),
             ideas);
  }
  for (size_t dim = 0; dim < scene_.latents.dims; ++dim) {
    const std::optional<Parabola> along = AlongDimension(pair, dim);
    if (!along.has_value()) continue;
    Idea best{{}, -kUnknown};
    for (int steps = -kMostSteps; steps <= kMostSteps; ++steps) {
      if (steps == 0) continue;
      const Correction correction{static_cast<uint8_t>(dim), static_cast<int8_t>(steps)};
      const double codes = InCodes(correction);
      const double gain = now.dim == dim ? along->At(codes - InCodes(now)) : along->At(codes) + without;
      if (gain > best.gain) best = {{ChangeKind::kCorrection, correction.dim, correction.steps}, gain};
    }
    Consider(best.change, pair, best.gain, ideas);
  }
}

std::vector<Change> ChangeProposer::Propose(size_t pair, size_t most) const {
  std::vector<Idea> ideas;
  ConsiderCodes(pair, ideas);
  ConsiderCorrections(pair, ideas);
  for (uint8_t mode = 0; mode < kNumSelectorModes; ++mode) {
    Consider({ChangeKind::kMode, 0, static_cast<int8_t>(mode)}, pair,
             kPoseShareOfMode * prices_.pose * double{pairs_[pair].now.pose}, ideas);
  }
  std::ranges::stable_sort(ideas, std::greater(), &Idea::gain);
  std::vector<Change> changes;
  for (const Idea& idea : ideas) {
    if (changes.size() == most) break;
    changes.push_back(idea.change);
  }
  return changes;
}

}  // namespace kitsink::hnerv
