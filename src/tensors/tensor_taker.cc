// Takes tensors from a file by name and reports all errors in one sentence.

#include <algorithm>
#include <string>

#include "kitsink/tensors.h"

namespace kitsink {
namespace {

constexpr size_t kMaxListed = 12;  // errors in one sentence

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ",") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  return text + "]";
}

bool Fits(const std::vector<int64_t>& got, const std::vector<int64_t>& expected) {
  return std::equal(got.begin(), got.end(), expected.begin(), expected.end(),
                    [](int64_t extent, int64_t wanted) { return wanted < 0 ? extent >= 1 : extent == wanted; });
}

}  // namespace

const FileTensor* TensorTaker::Take(const std::string& name, std::string_view dtype, const std::vector<int64_t>& shape,
                                    uint64_t most) {
  taken_.insert(name);
  const FileTensor* const tensor = file_.Find(name);
  if (tensor == nullptr) {
    Complain(name + " is missing");
    return nullptr;
  }
  if (tensor->dtype != dtype || !Fits(tensor->shape, shape)) {
    const bool empty = std::ranges::find(tensor->shape, 0) != tensor->shape.end();
    Complain(name + " is " + tensor->dtype + " " + ShapeText(tensor->shape) + ", expected " + std::string(dtype) + " " +
             ShapeText(shape) + (empty ? ", no size 0" : ""));
    return nullptr;
  }
  if (const uint64_t count = tensor->data.size() / DtypeBytes(dtype); count > most) {
    Complain(name + " has " + std::to_string(count) + " values, limit " + std::to_string(most));
    return nullptr;
  }
  return tensor;
}

void TensorTaker::Pass(const std::string& prefix) {
  for (const auto& [name, tensor] : file_.tensors) {
    if (name.starts_with(prefix)) taken_.insert(name);
  }
}

Status TensorTaker::Finish() {
  for (const auto& [name, tensor] : file_.tensors) {
    if (!taken_.contains(name)) Complain(Quoted(name) + " is unknown");
  }
  if (complaints_.empty()) return Ok();
  std::string text = "tensors do not fit the codec: ";
  for (size_t i = 0; i < std::min(complaints_.size(), kMaxListed); ++i) text += (i == 0 ? "" : "; ") + complaints_[i];
  if (complaints_.size() > kMaxListed) text += "; and " + std::to_string(complaints_.size() - kMaxListed) + " more";
  return Error{Code::kInvalidArgument, text};
}

}  // namespace kitsink
