// Loads the evaluator nets, observes pairs with them, and sets LibTorch's options.

#include "kitsink/nets.h"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <charconv>

#include "kitsink/at_once.h"
#include "kitsink/contest.h"
#include "kitsink/tensors.h"
#include "nets/module_tensors.h"
#include "nets/nets_torch.h"

namespace kitsink {
namespace {

constexpr int64_t kPoseInputs = 12;
constexpr int64_t kMaxDimension = 4096;
constexpr size_t kMaxListed = 8;

bool Ignorable(std::string_view name) { return name.ends_with("num_batches_tracked"); }

// "3 missing (a, b, c)", at most kMaxListed names; empty for none.
std::string List(std::string_view what, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string text = std::to_string(names.size()) + " " + std::string(what) + " (";
  for (size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) text.append(i == 0 ? "" : ", ").append(names[i]);
  if (names.size() > kMaxListed) text += " and " + std::to_string(names.size() - kMaxListed) + " more";
  return text + ")";
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text.append(i == 0 ? "" : ",").append(std::to_string(shape[i]));
  return text + "]";
}

// A layer's output has tens of megabytes. By default glibc maps and unmaps such a block on every use, and the page
// faults cost three to five times the arithmetic: a pointwise convolution of 56 x 384 x 512 takes 40 ms, here 9 ms.
void KeepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_ARENA_MAX, 1);  // threads reuse each other's freed blocks
#endif
}

struct LoadedNet {
  std::shared_ptr<FrozenNet> net;
  std::string sha256;
  uint64_t size_bytes = 0;
};

// `read_shape` and `create` belong to the net that is loaded.
template <typename Shape>
Result<LoadedNet> LoadNet(const std::filesystem::path& path, const Device& device,
                          Result<Shape> (*read_shape)(const TensorFile&),
                          std::shared_ptr<FrozenNet> (*create)(const Shape&), Status (*check)(const Shape&)) {
  KIT_ASSIGN(const LoadedTensors loaded_file, LoadTensorFile(path));
  const TensorFile& file = loaded_file.file;
  const auto load = [&]() -> Result<LoadedNet> {
    KIT_ASSIGN(const Shape shape, read_shape(file));
    KIT_TRY(check(shape));
    LoadedNet loaded{create(shape), loaded_file.sha256, loaded_file.size_bytes};
    KIT_TRY(LoadTensors(file, *loaded.net));
    loaded.net->to(TorchDevice(device));
    return loaded;
  };
  Result<LoadedNet> loaded = load();
  if (!loaded.ok()) return Within(path.string(), loaded.error());
  return loaded;
}

Status CheckSegNet(const SegNetShape& shape) {
  if (shape.classes == kNumClasses) return Ok();
  return Error{Code::kUnsupported,
               "has " + std::to_string(shape.classes) + " classes, expected " + std::to_string(kNumClasses)};
}

Status CheckPoseNet(const PoseNetShape& shape) {
  if (shape.inputs == kPoseInputs && shape.outputs >= kPoseValues) return Ok();
  return Error{Code::kUnsupported, "has " + std::to_string(shape.inputs) + " inputs and " +
                                       std::to_string(shape.outputs) + " outputs, expected 12 and 6 or more"};
}

}  // namespace

std::string Device::ToString() const { return cuda ? "cuda:" + std::to_string(index) : "cpu"; }

torch::Device TorchDevice(const Device& device) {
  return device.cuda ? torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(device.index))
                     : torch::Device(torch::kCPU);
}

Result<Device> ParseDevice(std::string_view text) {
  if (text == "cpu") return Device{};
  if (text == "auto") return Device{torch::cuda::is_available(), 0};
  Device device{true, 0};
  constexpr std::string_view kCuda = "cuda";
  bool understood = text == kCuda;
  if (text.starts_with("cuda:")) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + kCuda.size() + 1, end, device.index);
    understood = parsed.ec == std::errc() && parsed.ptr == end && device.index >= 0;
  }
  if (!understood) {
    return Error{Code::kInvalidArgument,
                 "device: got \"" + std::string(text) + "\", expected auto, cpu, cuda or cuda:N"};
  }
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (device.index >= count) {
    return Error{Code::kUnsupported, "device: got " + device.ToString() + ", this " + TorchDescription() + " sees " +
                                         std::to_string(count) + " CUDA devices"};
  }
  return device;
}

FirstPass::FirstPass() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_MMAP_MAX, 1 << 16);
#endif
}

FirstPass::~FirstPass() { KeepFreedMemory(); }

int ConfigureTorch(int threads) {
  KeepFreedMemory();
  const int count = threads > 0 ? threads : CountProcessors();
  at::set_num_threads(count);
  // OpenBLAS's pthread build has its own thread pool, which LibTorch does not set.
  if (void* const set_blas_threads = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"); set_blas_threads != nullptr) {
    reinterpret_cast<void (*)(int)>(set_blas_threads)(count);
  }
  // LibTorch throws when this is set twice or after the first parallel work. kitsink runs nothing inter-op.
  static const Status inter_op = Guarded("threads", [] {
    at::set_num_interop_threads(1);
    return Ok();
  });
  static_cast<void>(inter_op);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  at::globalContext().setAllowTF32CuDNN(false);  // on by default, and changes class maps and poses
  at::globalContext().setAllowTF32CuBLAS(false);
  return at::get_num_threads();
}

std::string TorchDescription() {
  return std::string("LibTorch ") + TORCH_VERSION + ", oneDNN " + (at::hasMKLDNN() ? "on" : "off") + ", CUDA " +
         (torch::cuda::is_available() ? "on" : "off") + ", " + std::to_string(at::get_num_threads()) +
         (at::get_num_threads() == 1 ? " thread" : " threads");
}

CudaFacts DescribeCuda() {
  CudaFacts facts;
  if (!at::Context::hasCUDART()) return facts;
  const Status status = Guarded("LibTorch", [&facts]() -> Status {
    const auto version = at::Context::versionCUDART();  // 13020 is 13.2
    facts.version = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    facts.num_devices = static_cast<int>(torch::cuda::device_count());
    if (torch::ones({2}, torch::kCUDA).sum().item<float>() == 2) return Ok();
    return Error{Code::kInternal, "the first device adds wrongly"};
  });
  if (!status.ok()) facts.fault = status.error().message;
  return facts;
}

float SumFloat32(std::span<const float> figures, const Device& device) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor tensor = torch::tensor(torch::ArrayRef<float>(figures.data(), figures.size()));
  return tensor.to(TorchDevice(device)).sum().item<float>();
}

std::string ExceptionText(const std::exception& exception) {
  const auto* foreign = dynamic_cast<const c10::Error*>(&exception);
  const std::string text = foreign != nullptr ? foreign->what_without_backtrace() : exception.what();
  return text.substr(0, text.find('\n'));
}

void Freeze(torch::nn::Module& module) {
  module.eval();
  for (torch::Tensor& parameter : module.parameters()) parameter.set_requires_grad(false);
}

Result<int64_t> ReadDimension(const TensorFile& file, const std::string& name, size_t rank, size_t axis) {
  const FileTensor* const entry = file.Find(name);
  if (entry == nullptr) return Error{Code::kCorrupt, "is not a net of the expected kind, it has no " + name};
  if (entry->shape.size() != rank || entry->shape[axis] < 1 || entry->shape[axis] > kMaxDimension) {
    return Error{Code::kCorrupt, "tensor " + name + " has the shape " + ShapeText(entry->shape) + ", expected " +
                                     std::to_string(rank) + " dimensions of at most " + std::to_string(kMaxDimension)};
  }
  return entry->shape[axis];
}

int64_t CountModules(const TensorFile& file, const std::string& prefix) {
  for (int64_t count = 0;; ++count) {
    const std::string name = prefix + std::to_string(count) + ".";
    const auto next = file.tensors.lower_bound(name);
    if (next == file.tensors.end() || !next->first.starts_with(name)) return count;
  }
}

Status LoadTensors(const TensorFile& file, torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  auto targets = module.named_parameters();
  for (const auto& buffer : module.named_buffers()) targets.insert(buffer.key(), buffer.value());
  std::vector<std::string> missing, unexpected, misshapen;
  for (const auto& target : targets) {
    if (Ignorable(target.key())) continue;
    const FileTensor* const entry = file.Find(target.key());
    if (entry == nullptr) {
      missing.push_back(target.key());
    } else if (entry->dtype != "F32" || target.value().sizes() != entry->shape) {
      misshapen.push_back(target.key() + " " + entry->dtype + " " + ShapeText(entry->shape) + ", expected F32 " +
                          ShapeText(target.value().sizes().vec()));
    } else {
      torch::Tensor destination = target.value();
      destination.copy_(torch::tensor(FloatsOf(*entry)).view(entry->shape));
    }
  }
  for (const auto& [name, entry] : file.tensors) {
    if (!Ignorable(name) && !targets.contains(name)) unexpected.push_back(name);
  }
  if (missing.empty() && unexpected.empty() && misshapen.empty()) return Ok();
  std::string text;
  for (const std::string& list :
       {List("missing", missing), List("unexpected", unexpected), List("of wrong shape or dtype", misshapen)}) {
    if (!list.empty()) text += (text.empty() ? "" : "; ") + list;
  }
  return Error{Code::kCorrupt, "tensors do not match the net: " + text};
}

Nets::Nets(std::unique_ptr<Modules> modules) : modules_(std::move(modules)) {}
Nets::~Nets() = default;
const NetsInfo& Nets::info() const { return modules_->info; }
const Device& Nets::device() const { return modules_->device; }

Result<std::unique_ptr<Nets>> Nets::Load(const std::filesystem::path& folder, const Device& device) {
  return Guarded("nets", [&]() -> Result<std::unique_ptr<Nets>> {
    Result<LoadedNet> segnet =
        LoadNet<SegNetShape>(folder / "segnet.safetensors", device, ReadSegNetShape, CreateSegNet, CheckSegNet);
    if (!segnet.ok()) return Within("nets", segnet.error());
    Result<LoadedNet> posenet =
        LoadNet<PoseNetShape>(folder / "posenet.safetensors", device, ReadPoseNetShape, CreatePoseNet, CheckPoseNet);
    if (!posenet.ok()) return Within("nets", posenet.error());
    auto modules = std::make_unique<Modules>();
    modules->device = device;
    modules->segnet = segnet.value().net;
    modules->posenet = posenet.value().net;
    NetsInfo& info = modules->info;
    info.folder = folder;
    info.segnet_sha256 = segnet.value().sha256;
    info.segnet_bytes = segnet.value().size_bytes;
    info.posenet_sha256 = posenet.value().sha256;
    info.posenet_bytes = posenet.value().size_bytes;
    info.contest = info.segnet_sha256 == kContestSegNet.sha256 && info.posenet_sha256 == kContestPoseNet.sha256;
    info.label = info.contest ? std::string(kContestNetsLabel) : "stand-in nets";
    return std::unique_ptr<Nets>(new Nets(std::move(modules)));
  });
}

Result<Nets::Modules*> Nets::FoldedModules() {
  const std::lock_guard lock(mutex_);
  if (folded_ == nullptr) {
    KIT_ASSIGN(const std::unique_ptr<Nets> again, Load(info().folder, device()));
    if (again->info().segnet_sha256 != info().segnet_sha256 || again->info().posenet_sha256 != info().posenet_sha256) {
      return Error{Code::kIo, "nets: the files in " + info().folder.string() + " changed while in use"};
    }
    KIT_TRY(Guarded("nets", [&]() -> Status {
      again->modules_->segnet->Fold();
      again->modules_->posenet->Fold();
      return Ok();
    }));
    folded_ = std::move(again->modules_);
  }
  return folded_.get();
}

// Runs the nets on a CPU. SegNet reads a few pairs at a time: its convolutions give the same bits in every batch, and
// larger batches are no faster and take more memory. PoseNet's linear layers give other last bits in another batch, so
// it reads all pairs at once, as upstream.
static std::vector<Observation> ObserveOnCpu(Nets::Modules& modules, std::span<const FramePair> pairs) {
  constexpr size_t kPairsAtOnce = 2;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> logits, inputs;
  for (size_t first = 0; first < pairs.size(); first += kPairsAtOnce) {
    std::vector<const Frame*> f0, f1;
    for (const FramePair& pair : pairs.subspan(first, std::min(kPairsAtOnce, pairs.size() - first))) {
      f0.push_back(&pair.f0);
      f1.push_back(&pair.f1);
    }
    const torch::Tensor small_f1 = ResizeToModelGrid(FramesToTensor(f1, torch::kCPU));
    inputs.push_back(PoseInput(ResizeToModelGrid(FramesToTensor(f0, torch::kCPU)), small_f1));
    logits.push_back(SegLogits(modules, small_f1));
  }
  const torch::Tensor poses = modules.posenet->Forward(torch::cat(inputs)).slice(1, 0, kPoseValues);
  return ToObservations({torch::cat(logits), poses});
}

Result<std::vector<Observation>> Nets::Observe(std::span<const FramePair> pairs) {
  if (pairs.empty()) return std::vector<Observation>();
  return Guarded("nets", [&]() -> Result<std::vector<Observation>> {
    return device().cuda ? ToObservations(RunNets(*modules_, pairs)) : ObserveOnCpu(*modules_, pairs);
  });
}

}  // namespace kitsink
