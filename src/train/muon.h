#pragma once
// Muon (Jordan et al., 2024): momentum, orthogonalised, as the step of a matrix.

#include <torch/torch.h>

namespace kitsink {

// A matrix of the same shape whose singular values are all near 1 and whose singular vectors are those of `matrix`, by
// five Newton-Schulz iterations. Tensors of more than two dimensions are matrices of [first dimension, the rest].
torch::Tensor Orthogonalised(const torch::Tensor& matrix);

// One step of `value` with the gradient that it holds, with Nesterov momentum of decay `beta`. `momentum` has its shape
// and is 0 before the first step. The step's root mean square is about rate / sqrt(number of rows), or of columns where
// these are more. Does nothing without a gradient.
void MuonStep(torch::Tensor value, torch::Tensor momentum, double rate, double beta);

}  // namespace kitsink
