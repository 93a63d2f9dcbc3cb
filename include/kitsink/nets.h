#pragma once
// The frozen evaluator nets, SegNet and PoseNet, behind plain types; no LibTorch in this header.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/frame.h"
#include "kitsink/result.h"

namespace kitsink {

struct Device {
  bool cuda = false;
  int index = 0;
  std::string ToString() const;  // "cpu", "cuda:0"
};

// "auto" (CUDA when there is one), "cpu", "cuda", "cuda:N". kInvalidArgument for other words, kUnsupported when
// CUDA is asked for and this LibTorch or machine has none.
Result<Device> ParseDevice(std::string_view text);

// Sets LibTorch's thread count and switches on deterministic algorithms and off TF32. threads <= 0 means all processors
// this process may use; Debian's build would use one. Returns the thread count in force.
int ConfigureTorch(int threads);

// Holds memory use down during the first pass of a long job. While it exists, large blocks come from the operating
// system and return to it when freed, so the small blocks that the pass leaves behind, mostly oneDNN's compiled layers,
// lie together. Without it they fragment the freed memory: a fit with the stand-in nets took 1.78 GB, not 1.45. Its
// destructor restores ConfigureTorch's setting, which keeps freed blocks. One at a time; glibc only.
class FirstPass {
 public:
  FirstPass();
  ~FirstPass();
  FirstPass(const FirstPass&) = delete;
  FirstPass& operator=(const FirstPass&) = delete;
};

// "LibTorch 1.13.0, oneDNN on, CUDA off, 2 threads", for --version and manifests.
std::string TorchDescription();

// What LibTorch finds of CUDA on this machine.
struct CudaFacts {
  std::string version;  // of the CUDA that this LibTorch is built with, "13.2"; empty: it is built without
  int num_devices = 0;
  std::string fault;  // why the first device cannot compute, in LibTorch's words; empty when it can, or without CUDA
};
// Computes a sum on the first device, because one that is listed may still be too old for this LibTorch.
CudaFacts DescribeCuda();

// The sum of float32 figures as LibTorch's Tensor::sum() forms it on this device.
float SumFloat32(std::span<const float> figures, const Device& device);

// What the evaluator nets see in one pair.
struct Observation {
  std::vector<uint8_t> class_map;         // SegNet's argmax on f1, kModelGrid, ids below kNumClasses
  std::array<float, kPoseValues> pose{};  // the first six outputs of PoseNet on (f0, f1)
};

inline constexpr std::string_view kContestNetsLabel = "contest nets";

// Identity and source of the evaluator nets.
struct NetsInfo {
  std::filesystem::path folder;
  std::string label;  // kContestNetsLabel when both SHA-256 are the published ones, else "stand-in nets"
  bool contest = false;
  std::string segnet_sha256, posenet_sha256;
  uint64_t segnet_bytes = 0, posenet_bytes = 0;
  uint64_t size_bytes() const { return segnet_bytes + posenet_bytes; }
};

// Runs the nets on pairs of frames as the scorer does.
class Observer {
 public:
  virtual ~Observer() = default;
  // One observation per pair. All frames have one size. The nets see the pairs as one batch.
  virtual Result<std::vector<Observation>> Observe(std::span<const FramePair> pairs) = 0;
};

// SegNet and PoseNet, loaded from a folder with segnet.safetensors and posenet.safetensors. Any widths and depths of
// the same architecture load; the tensors' shapes give them.
class Nets final : public Observer {
 public:
  static Result<std::unique_ptr<Nets>> Load(const std::filesystem::path& folder, const Device& device);
  ~Nets() override;
  const NetsInfo& info() const;
  const Device& device() const;
  Result<std::vector<Observation>> Observe(std::span<const FramePair> pairs) override;
  struct Modules;  // nets_torch.h
  Modules& modules() { return *modules_; }
  // The same nets with batch norms and parallel branches merged: faster, and equal up to rounding. For searches; the
  // scorer never uses them. The first call loads the files again and merges. Thread-safe.
  Result<Modules*> FoldedModules();

 private:
  explicit Nets(std::unique_ptr<Modules> modules);
  std::unique_ptr<Modules> modules_;
  std::unique_ptr<Modules> folded_;
  std::mutex mutex_;  // of folded_
};

}  // namespace kitsink
