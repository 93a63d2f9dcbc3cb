#pragma once
// How the score's distortion terms change with the codes of the decoder's tensors.

#include <cstdint>
#include <span>
#include <vector>

#include "codecs/hnerv/scene.h"
#include "kitsink/frame.h"
#include "kitsink/nets.h"

namespace kitsink::hnerv {

// Of the decoder's codes, tensor after tensor: the derivative of the distortion terms by a step of the code, the part
// of some pairs. SegNet's share of wrong pixels is made smooth; `pose_slope` is the pose term's by the mean pose error.
// Selector modes are passed over. Throws what LibTorch throws. REQUIRES: a target for each pair of the scene.
std::vector<float> CodeGradients(const Scene& scene, PairRange pairs, std::span<const Observation> targets,
                                 Nets::Modules& modules, double pose_slope);

// A change of one code to its neighbour.
struct CodeMove {
  size_t tensor = 0, index = 0;
  int delta = 0;  // -1 or 1
  bool operator==(const CodeMove&) const = default;
};
// The moves that shorten the tensors, by the histogram of each one's codes, and along which the distortion falls. First
// come those that save most bits for the spread of their gradients over the clip: `squares` has the sum over parts of
// the clip of the squares of their gradients. REQUIRES: both have a value for each code.
std::vector<CodeMove> CheaperMoves(const Scene& scene, std::span<const float> gradients,
                                   std::span<const double> squares);
void MakeMoves(std::span<const CodeMove> moves, Scene& scene);

}  // namespace kitsink::hnerv
