#pragma once
// The carrier's basis: where it starts, and a step that all pairs agree on.

#include <torch/torch.h>

#include <span>

#include "codecs/strict/pose_solver.h"
#include "codecs/strict/scene.h"

namespace kitsink::strict {

// [atoms, 3 * grid] double: the leading right singular vectors of all pairs' Jacobians, their rows scaled to length 1
// so that outputs which a picture moves little count as much as the others.
torch::Tensor LeadingDirections(std::span<const Linearisation> pairs, int64_t num_atoms);

// The change of the atoms, in grey levels of a code, of least norm that removes all pairs' residuals to first order
// with their coefficients as they are. `damping` is a share of the system's largest diagonal element. [atoms, 3 * grid]
// double.
torch::Tensor BasisStep(std::span<const Linearisation> pairs, const torch::Tensor& coefficients, double damping);

// Replaces the basis by these atoms, [atoms, 3 * grid], rounded to codes up to `largest_code`. Only directions count:
// the codec gives every atom the same contrast.
void SetBasis(const torch::Tensor& atoms, int largest_code, Carrier& carrier);

// Chooses each coefficient's step, a power of two, so that one code moves the pose by about `pose_step`. `atoms` are
// AtomsOf() the carrier, and `carrier` has steps that it goes with.
void ScaleCoefficients(std::span<const Linearisation> pairs, const torch::Tensor& atoms, double pose_step,
                       Carrier& carrier);

}  // namespace kitsink::strict
