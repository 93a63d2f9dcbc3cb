// The fake CUDA device computes as the CPU does, and refuses what a GPU refuses.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <csignal>
#include <sstream>
#include <string>

namespace kitsink {
namespace {

using torch::Tensor;

constexpr auto kCuda = torch::kCUDA;

// Runs `operation` and expects LibTorch's error with `text`.
template <typename Operation>
void ExpectRefused(const char* text, Operation operation) {
  try {
    operation();
    ADD_FAILURE() << "no error, expected: " << text;
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what_without_backtrace()).find(text), std::string::npos) << error.what();
  }
}

Tensor Picture(int64_t seed) {
  torch::manual_seed(seed);
  return torch::rand({2, 4, 6, 6});
}

// A loss of everyday operations, and the gradient of its weights.
std::pair<float, Tensor> Learn(torch::Device device) {
  const Tensor weight = Picture(1).slice(2, 0, 3).slice(3, 0, 3).contiguous().to(device).requires_grad_(true);
  const Tensor depthwise = torch::ones({2, 1, 3, 3}, device).requires_grad_(true);
  const Tensor x = torch::conv2d(Picture(2).to(device), weight, {}, 1, 1);
  const Tensor y = torch::conv2d(x, depthwise, {}, 1, 1, 1, /*groups=*/2);
  const Tensor loss = torch::cat({x.relu(), y.sigmoid()}, 1).mul(3).log_softmax(1).square().mean();
  loss.backward();
  return {loss.item<float>(), weight.grad().cpu()};
}

TEST(FakeCuda, ComputesAsTheCpu) {
  ASSERT_TRUE(torch::cuda::is_available());
  const auto [loss, gradient] = Learn(kCuda);
  const auto [expected_loss, expected_gradient] = Learn(torch::kCPU);
  EXPECT_EQ(loss, expected_loss);
  EXPECT_TRUE(gradient.equal(expected_gradient));
}

TEST(FakeCuda, ViewsShareMemory) {
  const Tensor whole = torch::zeros({4, 6}, kCuda);
  whole.view({2, 12}).select(0, 1).slice(0, 0, 5).fill_(1);
  EXPECT_EQ(whole.sum().item<float>(), 5);
  EXPECT_EQ(whole.t().sizes(), torch::IntArrayRef({6, 4}));
  Tensor out = torch::empty({0}, kCuda);
  torch::add_out(out, whole, whole);  // grows
  EXPECT_EQ(out.sum().item<float>(), 10);
  EXPECT_TRUE(out.is_cuda());
}

TEST(FakeCuda, SavesAndLoads) {
  const Tensor saved = Picture(3).to(kCuda).slice(1, 1, 3);
  std::stringstream stream;
  torch::save(saved, stream);
  Tensor loaded;
  torch::load(loaded, stream, torch::Device(kCuda));
  EXPECT_TRUE(loaded.is_cuda());
  EXPECT_TRUE(loaded.equal(saved));
}

TEST(FakeCuda, ScalarsAndIndicesMayLieOnTheCpu) {
  const Tensor there = torch::ones({3, 2}, kCuda);
  EXPECT_EQ((there * torch::tensor(2.0F)).sum().item<float>(), 12);
  EXPECT_EQ(there.index({torch::tensor({int64_t{1}})}).sum().item<float>(), 2);
}

TEST(FakeCuda, RefusesTensorsOfTwoDevices) {
  constexpr const char* kText = "Expected all tensors to be on the same device";
  const Tensor here = torch::ones({2, 4, 6, 6}), there = here.to(kCuda);
  const Tensor index = torch::tensor({int64_t{1}});
  ExpectRefused(kText, [&] { return here + there; });
  ExpectRefused(kText, [&] { return torch::cat({there, here}); });
  ExpectRefused(kText, [&] { return torch::conv2d(there, here.slice(2, 0, 3)); });
  ExpectRefused(kText, [&] { return there.index_select(0, index); });
  ExpectRefused(kText, [&] { return there.view({2, -1}).mm(here.view({-1, 2})); });
  Tensor sum = torch::zeros({});
  ExpectRefused(kText, [&] { return sum.add_(there.sum()); });
}

TEST(FakeCuda, RefusesAGeneratorOfTheCpu) {
  const torch::Generator generator = at::detail::createCPUGenerator();
  ExpectRefused("Expected a 'cuda' device type for generator",
                [&] { torch::zeros({2}, kCuda).normal_(0, 1, generator); });
}

TEST(FakeCuda, NewMemoryHoldsNothingUseful) {
  EXPECT_TRUE(torch::empty({3}, kCuda).isnan().all().item<bool>());
  EXPECT_TRUE(torch::empty_like(Picture(4).to(kCuda)).isnan().all().item<bool>());
}

TEST(FakeCudaDeathTest, TheHostCannotReachItsMemory) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Tensor there = torch::ones({2}, kCuda);
  EXPECT_EXIT(there.data_ptr<float>()[0] = 1, testing::KilledBySignal(SIGSEGV), "");
}

}  // namespace
}  // namespace kitsink
