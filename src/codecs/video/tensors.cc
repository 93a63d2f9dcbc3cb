// Converts a scene to named tensors and back (FORMAT.md, "Tensors").

#include <algorithm>
#include <string>
#include <utility>

#include "codecs/video/scene.h"

namespace kitsink::video {
namespace {

constexpr uint64_t kAnyNumber = UINT64_MAX;  // of values
constexpr const char* kBytes = "stream.bytes";
constexpr const char* kHead = "stream.head";

std::string PrefixOf(size_t filter) { return "filter." + std::to_string(filter) + "."; }
std::vector<int64_t> ShapeOf(const TensorSpec& spec) { return {spec.shape.begin(), spec.shape.end()}; }

void AddFilter(const Filter& filter, const std::string& prefix, TensorFile& file) {
  const std::vector<TensorSpec> specs = FilterTensors(filter.width);
  for (size_t i = 0; i < specs.size(); ++i) {
    const QuantizedTensor& tensor = filter.tensors[i];
    const std::string name = prefix + specs[i].name;
    if (specs[i].kind == TensorKind::kHalf) {
      file.tensors[name] = MakeHalfTensor(ShapeOf(specs[i]), tensor.halves);
      continue;
    }
    const std::vector<int8_t> codes(tensor.codes.begin(), tensor.codes.end());
    file.tensors[name + ".codes"] = MakeTensor(ShapeOf(specs[i]), std::span<const int8_t>(codes));
    file.tensors[name + ".scales"] = MakeHalfTensor({static_cast<int64_t>(tensor.scales.size())}, tensor.scales);
  }
}

void TakeStream(TensorTaker& taker, const Limits& limits, Stream& stream) {
  const FileTensor* const bytes = taker.Take(kBytes, "U8", {-1}, limits.max_member_bytes);
  if (bytes != nullptr) stream.bytes = bytes->data;
  const FileTensor* const head = taker.Take(kHead, "I32", {5}, 5);
  if (head == nullptr) return;
  const std::vector<int32_t> values = Int32sOf(*head);
  if (values[0] < 0 || values[0] >= static_cast<int32_t>(kNumCodings)) {
    taker.Complain(std::string(kHead) + " has coding " + std::to_string(values[0]) + ", expected 0 (AV1) or 1 (HEVC)");
    return;
  }
  stream.coding = static_cast<StreamCoding>(values[0]);
  if (values[4] < 0 || values[4] > 1) {
    taker.Complain(std::string(kHead) + " has lead " + std::to_string(values[4]) + ", expected 0 or 1");
  }
  for (size_t i = 1; i < 4; ++i) {
    if (values[i] < 0) taker.Complain(std::string(kHead) + " has the number " + std::to_string(values[i]));
  }
  stream.size = {static_cast<uint32_t>(std::max(values[1], 0)), static_cast<uint32_t>(std::max(values[2], 0))};
  stream.num_pairs = static_cast<uint32_t>(std::max(values[3], 0));
  stream.lead = values[4] != 0;
}

// The width is that of conv1.weight.
void TakeFilter(const TensorFile& file, TensorTaker& taker, const std::string& prefix, Filter& filter) {
  const FileTensor* const first = file.Find(prefix + "conv1.weight.codes");
  if (first == nullptr || first->shape.size() != 4 || first->shape[0] < 8 || first->shape[0] > kMaxFilterWidth ||
      first->shape[0] % 8 != 0) {
    taker.Complain(prefix + "conv1.weight.codes is not there with 8, 16 .. 64 channels");
    taker.Pass(prefix);
    return;
  }
  filter.width = static_cast<uint32_t>(first->shape[0]);
  for (TensorSpec spec : FilterTensors(filter.width)) {
    const std::string name = prefix + spec.name;
    QuantizedTensor tensor;
    if (spec.kind == TensorKind::kHalf) {
      const FileTensor* const halves = taker.Take(name, "F16", ShapeOf(spec), kAnyNumber);
      if (halves == nullptr) continue;
      tensor.halves = HalfPatternsOf(*halves);
    } else {
      const FileTensor* const codes = taker.Take(name + ".codes", "I8", ShapeOf(spec), kAnyNumber);
      const FileTensor* const scales =
          taker.Take(name + ".scales", "F16", {static_cast<int64_t>(NumScales(spec))}, kAnyNumber);
      if (codes == nullptr || scales == nullptr) continue;
      tensor.codes = codes->data;  // two's complement in both
      tensor.scales = HalfPatternsOf(*scales);
    }
    spec.name = name;
    if (const Status status = CheckTensor(spec, tensor); !status.ok()) taker.Complain(status.error().message);
    filter.tensors.push_back(std::move(tensor));
  }
}

bool HasPrefix(const TensorFile& file, const std::string& prefix) {
  const auto found = file.tensors.lower_bound(prefix);
  return found != file.tensors.end() && found->first.starts_with(prefix);
}

}  // namespace

TensorFile TensorsOf(const Scene& scene) {
  TensorFile file;
  const Stream& stream = scene.stream;
  file.tensors[kBytes] =
      MakeTensor({static_cast<int64_t>(stream.bytes.size())}, std::span<const uint8_t>(stream.bytes));
  const int32_t head[] = {static_cast<int32_t>(stream.coding), static_cast<int32_t>(stream.size.width),
                          static_cast<int32_t>(stream.size.height), static_cast<int32_t>(stream.num_pairs),
                          stream.lead ? 1 : 0};
  file.tensors[kHead] = MakeTensor({5}, std::span<const int32_t>(head));
  for (size_t i = 0; i < scene.filters.size(); ++i) AddFilter(scene.filters[i], PrefixOf(i), file);
  return file;
}

Result<Scene> SceneOfTensors(const TensorFile& file, const Limits& limits) {
  TensorTaker taker(file);
  Scene scene;
  TakeStream(taker, limits, scene.stream);
  for (size_t i = 0; i < 2 && HasPrefix(file, PrefixOf(i)); ++i) {
    scene.filters.emplace_back();
    TakeFilter(file, taker, PrefixOf(i), scene.filters.back());
  }
  KIT_TRY(taker.Finish());
  return scene;
}

}  // namespace kitsink::video
