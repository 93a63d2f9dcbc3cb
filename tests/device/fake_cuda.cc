// Adds a CUDA device made of ordinary memory to a LibTorch that is built without CUDA, so that tests without a GPU run
// the code for one. A test loads this library with LD_PRELOAD.
//
// What fails on a GPU fails here: an operation on tensors of two devices, a CPU generator for a CUDA tensor, and host
// code that reads or writes a CUDA tensor's memory, because its address is one that no process can have. Backward
// passes run on a thread of their own, as with a GPU. Memory that no operation has filled holds NaN.
//
// Every operation with a kernel for the CPU is given CallOnCpu for CUDA. It calls that kernel on CPU tensors over the
// same memory. So the figures are the CPU's, bit for bit, unless LibTorch asks for the device and goes another way: it
// normalises groups on CUDA in another memory order.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace at {

// ---- The device, as LibTorch asks for it ---------------------------------------------------------------------------

// In namespace at, because LibTorch's registry needs it there.
struct FakeCudaHooks final : CUDAHooksInterface {
  explicit FakeCudaHooks(CUDAHooksArgs /*args*/) {}
  void initCUDA() const override {}
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  long versionCUDART() const override { return 0; }
  int getNumGPUs() const override { return 1; }
  int64_t current_device() const override { return 0; }
  bool hasPrimaryContext(int64_t /*index*/) const override { return true; }
  void deviceSynchronize(int64_t /*index*/) const override {}
  Allocator* getPinnedMemoryAllocator() const override { return c10::GetCPUAllocator(); }
  const Generator& getDefaultCUDAGenerator(DeviceIndex /*index*/) const override {
    static const Generator generator = at::detail::createCPUGenerator();
    return generator;
  }
};
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, FakeCudaHooks)

}  // namespace at

namespace {

using at::Tensor;
using c10::Device;
using c10::Storage;
using c10::Stream;

const Device kDevice(c10::kCUDA, 0);
const Stream kStream(Stream::DEFAULT, kDevice);

struct FakeCudaGuard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::kCUDA; }
  Device exchangeDevice(Device /*device*/) const override { return kDevice; }
  Device getDevice() const override { return kDevice; }
  void setDevice(Device device) const override { TORCH_CHECK(device == kDevice, "CUDA error: invalid device ordinal"); }
  void uncheckedSetDevice(Device /*device*/) const noexcept override {}
  Stream getStream(Device /*device*/) const noexcept override { return kStream; }
  Stream getDefaultStream(Device /*device*/) const override { return kStream; }
  Stream getStreamFromGlobalPool(Device /*device*/, bool /*high*/) const override { return kStream; }
  Stream exchangeStream(Stream /*stream*/) const noexcept override { return kStream; }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  bool queryStream(const Stream& /*stream*/) const override { return true; }
  void synchronizeStream(const Stream& /*stream*/) const override {}
};
C10_REGISTER_GUARD_IMPL(CUDA, FakeCudaGuard)

// ---- Memory --------------------------------------------------------------------------------------------------------

// The address of the device's memory on the host, and the other way round. Bit 55 is one that no process's addresses
// have, neither on x86-64 nor on AArch64, so that host code that uses a device address ends in a segmentation fault.
void* OtherSide(void* address) {
  constexpr uintptr_t kBit = uintptr_t{1} << 55;
  return address == nullptr ? nullptr : reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) ^ kBit);
}

// Memory of `storage` under its address on `device`, the other side. It keeps `storage`.
c10::DataPtr SameMemory(const Storage& storage, Device device) {
  return {OtherSide(storage.data()), new Storage(storage), [](void* kept) { delete static_cast<Storage*>(kept); },
          device};
}

Storage OnDevice(const Storage& storage, Device device) {
  return Storage(Storage::use_byte_size_t(), storage.nbytes(), SameMemory(storage, device), c10::GetCPUAllocator(),
                 /*resizable=*/true);
}

// A tensor like `tensor` that lies in `storage`.
Tensor LikeIn(const Tensor& tensor, Storage storage, c10::DispatchKey key) {
  Tensor result =
      at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key), tensor.dtype());
  result.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  return result;
}

// ---- One call of an operation --------------------------------------------------------------------------------------

// CPU tensors over the same memory as the CUDA tensors of one call. Views of one memory stay views of one memory.
class Call {
 public:
  Tensor ToHost(const Tensor& tensor) {
    if (!tensor.is_cuda()) return tensor;
    for (const auto& [device, host] : tensors_) {
      if (device.is_same(tensor)) return host;
    }
    tensors_.emplace_back(tensor, LikeIn(tensor, HostOf(tensor.storage()), c10::DispatchKey::CPU));
    return tensors_.back().second;
  }

  Storage ToHost(const Storage& storage) { return storage.device() == kDevice ? HostOf(storage) : storage; }

  // A result of the CPU's kernel: an argument, a view of one, or a tensor of its own.
  Tensor ToDevice(const Tensor& tensor, const std::vector<Tensor>& on_cpu) {
    for (const Tensor& argument : on_cpu) {
      if (argument.is_same(tensor)) return tensor;
    }
    for (const auto& [device, host] : tensors_) {
      if (host.is_same(tensor)) return device;
    }
    return LikeIn(tensor, DeviceOf(tensor.storage()), c10::DispatchKey::CUDA);
  }

  // Repeats on the arguments what the kernel did to shape and memory: resize_, as_strided_, out= of another size.
  void UpdateArguments() {
    for (const auto& [device, host] : storages_) {
      if (host.data() == OtherSide(device.data())) continue;
      device.unsafeGetStorageImpl()->set_data_ptr_noswap(SameMemory(host, kDevice));
      device.unsafeGetStorageImpl()->set_nbytes(host.nbytes());
    }
    for (const auto& [device, host] : tensors_) {
      c10::TensorImpl& impl = *device.unsafeGetTensorImpl();
      const Storage storage = DeviceOf(host.storage());
      if (!storage.is_alias_of(impl.storage())) impl.set_storage_keep_dtype(storage);
      impl.set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
    }
  }

 private:
  Storage HostOf(const Storage& device) {
    for (const auto& pair : storages_) {
      if (pair.first.is_alias_of(device)) return pair.second;
    }
    storages_.emplace_back(device, OnDevice(device, c10::kCPU));
    return storages_.back().second;
  }
  Storage DeviceOf(const Storage& host) {
    for (const auto& pair : storages_) {
      if (pair.second.is_alias_of(host)) return pair.first;
    }
    storages_.emplace_back(OnDevice(host, kDevice), host);
    return storages_.back().first;
  }

  std::vector<std::pair<Tensor, Tensor>> tensors_;     // device, host
  std::vector<std::pair<Storage, Storage>> storages_;  // device, host
};

// Replaces every tensor in `value` by what `change` returns.
template <typename Change>
void ForEachTensor(c10::IValue& value, Change change) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) value = change(value.toTensor());
  } else if (value.isTensorList()) {
    c10::List<Tensor> changed;
    for (const Tensor& tensor : value.toTensorVector()) changed.push_back(tensor.defined() ? change(tensor) : tensor);
    value = changed;
  } else if (value.isOptionalTensorList()) {
    c10::List<c10::optional<Tensor>> changed;
    for (const c10::optional<Tensor>& tensor : value.toOptionalTensorVector()) {
      changed.push_back(tensor && tensor->defined() ? c10::optional<Tensor>(change(*tensor)) : tensor);
    }
    value = changed;
  }
}

// The rules of a real device. Tensors without dimensions may lie on the CPU, and so may the tensors that index another.
void CheckArgument(const c10::OperatorHandle& operation, const c10::Argument& argument, c10::IValue value) {
  const std::string& name = operation.schema().name();
  if (value.isGenerator()) {
    TORCH_CHECK(value.toGenerator().device() == kDevice,
                "Expected a 'cuda' device type for generator but found 'cpu': ", name);
  }
  if (name == "aten::copy_" || value.isOptionalTensorList()) return;
  const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
  ForEachTensor(value, [&](const Tensor& tensor) {
    TORCH_CHECK(tensor.is_cuda() || (tensor.dim() == 0 && !written),
                "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (",
                argument.name(), " of ", name, ")");
    return tensor;
  });
}

void CallOnCpu(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const std::vector<c10::Argument>& arguments = operation.schema().arguments();
  Call call;
  std::vector<Tensor> on_cpu;
  for (size_t i = 0; i < arguments.size(); ++i) {
    c10::IValue& value = (*stack)[stack->size() - arguments.size() + i];
    CheckArgument(operation, arguments[i], value);
    if (value.isDevice()) value = Device(c10::kCPU);
    if (value.isStorage()) value = call.ToHost(value.toStorage());
    ForEachTensor(value, [&](const Tensor& tensor) {
      if (!tensor.is_cuda()) on_cpu.push_back(tensor);
      return call.ToHost(tensor);
    });
  }
  {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    operation.callBoxed(stack);
  }
  const std::string& name = operation.schema().name();
  call.UpdateArguments();
  for (size_t i = stack->size() - operation.schema().returns().size(); i < stack->size(); ++i) {
    ForEachTensor((*stack)[i], [&](const Tensor& tensor) {
      if (name == "aten::empty" || name == "aten::empty_strided") {
        std::memset(tensor.storage().data(), 0xFF, tensor.storage().nbytes());  // NaN, or -1
      }
      return call.ToDevice(tensor, on_cpu);
    });
  }
}

// Every operation with a CPU kernel, because a real device has one of its own too. The others are composed of these,
// except a few, of which LibTorch would compose parts that only a CUDA build has.
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  std::vector<std::string> names = {"aten::copy_", "aten::convolution", "aten::convolution_backward"};
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto operation = c10::Dispatcher::singleton().findOp(name);
    if (operation && operation->hasKernelForDispatchKey(c10::DispatchKey::CPU) && name.getNamespace() == "aten") {
      names.push_back(c10::toString(name));
    }
  }
  for (const std::string& name : names) {
    library.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&CallOnCpu>());
  }
}

}  // namespace
