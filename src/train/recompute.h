#pragma once
// Trades time for memory in training.

#include <torch/torch.h>

#include <functional>
#include <utility>
#include <vector>

namespace kitsink {

using BlockFunction = std::function<torch::Tensor(const std::vector<torch::Tensor>& inputs)>;

namespace recompute_internal {

struct Holder : torch::CustomClassHolder {
  explicit Holder(BlockFunction function) : run(std::move(function)) {}
  BlockFunction run;
};

struct Block : torch::autograd::Function<Block> {
  using Context = torch::autograd::AutogradContext;

  static torch::Tensor forward(Context* context, const c10::intrusive_ptr<Holder>& holder, at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->saved_data["block"] = c10::IValue::make_capsule(holder);
    return holder->run(inputs.vec());
  }
  static std::vector<torch::Tensor> backward(Context* context, const std::vector<torch::Tensor>& gradients) {
    const auto holder = c10::static_intrusive_pointer_cast<Holder>(context->saved_data["block"].toCapsule());
    std::vector<torch::Tensor> inputs;
    for (const torch::Tensor& input : context->get_saved_variables()) {
      inputs.push_back(input.detach().requires_grad_(true));
    }
    const torch::AutoGradMode with_gradients(true);
    std::vector<torch::Tensor> of_arguments = torch::autograd::grad({holder->run(inputs)}, inputs, gradients);
    of_arguments.insert(of_arguments.begin(), torch::Tensor());
    return of_arguments;
  }
};

}  // namespace recompute_internal

// run(inputs), all of whose inputs are real tensors that it uses. What `run` computes on its way is not kept for the
// backward pass, which computes it again. Chen, Xu, Zhang and Guestrin, arXiv 1604.06174.
inline torch::Tensor Recomputed(BlockFunction run, const std::vector<torch::Tensor>& inputs) {
  if (!torch::GradMode::is_enabled()) return run(inputs);
  using recompute_internal::Block, recompute_internal::Holder;
  return Block::apply(c10::make_intrusive<Holder>(std::move(run)), at::TensorList(inputs));
}

}  // namespace kitsink
