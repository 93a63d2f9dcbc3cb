// Reads members of three parts: settings in JSON, the decoder's tensors with or without names, latents.

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/forms.h"
#include "codecs/hnerv/foreign/published.h"
#include "kitsink/half.h"
#include "kitsink/tensors.h"

namespace kitsink::hnerv {
namespace {

constexpr std::array<uint8_t, 3> kCompactMagic = {'C', 'D', '1'};
constexpr uint64_t kMaxSettings = 4096;
constexpr uint64_t kMaxNames = 1 << 16;  // decompressed bytes of the decoder that are no codes
constexpr uint32_t kMaxTensors = 64, kMaxName = 64, kMaxAxes = 4;

struct Settings {
  uint32_t num_pairs = 0, latent_dims = 0, base_channels = 0;
};

Result<Settings> ReadSettings(std::span<const uint8_t> stream) {
  KIT_ASSIGN(const Bytes text, UnfoldAtMost(stream, "settings", kMaxSettings));
  const nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) return Error{Code::kCorrupt, "settings: are no JSON object, at byte 0"};
  Settings settings;
  for (const auto& [name, value] : {std::pair{"n_pairs", &settings.num_pairs},
                                    {"latent_dim", &settings.latent_dims},
                                    {"base_channels", &settings.base_channels}}) {
    const auto found = json.find(name);
    if (found == json.end() || !found->is_number_unsigned() || found->get<uint64_t>() > UINT32_MAX) {
      return Error{Code::kCorrupt, std::string("settings: ") + name + " is no number, at byte 0"};
    }
    *value = found->get<uint32_t>();
  }
  const auto size = json.find("eval_size");
  if (size == json.end() || *size != nlohmann::json{kModelGrid.height, kModelGrid.width}) {
    return Error{Code::kUnsupported, "settings: eval_size is not [384, 512], at byte 0"};
  }
  return settings;
}

// Named tensors with their shapes as a file that SceneOfTensors() understands.
Status ReadNamedTensors(std::span<const uint8_t> bytes, TensorFile& file) {
  ByteReader reader(bytes);
  const auto fail = [&reader](const std::string& what) {
    return Error{Code::kCorrupt, "decoder: " + what + ", at byte " + std::to_string(reader.position())};
  };
  const uint32_t count = reader.U32();
  if (count > kMaxTensors) return fail("declares " + std::to_string(count) + " tensors");
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t name_bytes = reader.U32();
    if (name_bytes > kMaxName) return fail("a name of " + std::to_string(name_bytes) + " bytes");
    const std::span<const uint8_t> name_span = reader.Take(name_bytes);
    const std::string name(name_span.begin(), name_span.end());
    const uint32_t axes = reader.U32();
    if (axes > kMaxAxes) return fail(Quoted(name) + " has " + std::to_string(axes) + " dimensions");
    std::vector<int64_t> shape;
    uint64_t product = 1;
    for (uint32_t axis = 0; axis < axes; ++axis) {
      shape.push_back(reader.U32());
      product = std::min<uint64_t>(product * static_cast<uint64_t>(shape.back()), UINT32_MAX);
    }
    const float scale = reader.F32();
    const uint32_t values = reader.U32();
    if (values != product || values > reader.remaining()) {
      return fail(Quoted(name) + ": got " + std::to_string(values) + " codes, its shape has " +
                  std::to_string(product) + ", and " + std::to_string(reader.remaining()) + " bytes are left");
    }
    std::vector<int8_t> codes;
    for (const uint8_t byte : reader.Take(values)) codes.push_back(Unzigzag(byte));
    const std::string key = "decoder." + name;
    if (!file.tensors.emplace(key + ".codes", MakeTensor(shape, std::span<const int8_t>(codes))).second) {
      return fail(Quoted(name) + " occurs twice");
    }
    file.tensors[key + ".scale"] = MakeTensor({1}, std::span<const float>(&scale, 1));
  }
  return reader.Finish("decoder");
}

// The published tensors without names, each after its scale.
Result<std::vector<Int8Tensor>> ReadCompactTensors(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes.subspan(kCompactMagic.size()));
  const uint8_t scale_bits = reader.U8();
  const uint32_t count = reader.U32();
  if (scale_bits != 16 || count != kPublishedTensors) {
    return Error{Code::kUnsupported, "decoder: CD1: got " + std::to_string(count) + " tensors with scales of " +
                                         std::to_string(scale_bits) + " bits, expected 28 and 16, at byte 3"};
  }
  std::vector<Int8Tensor> tensors;
  for (const DecoderTensor& spec : PublishedTensors()) {
    Int8Tensor& tensor = tensors.emplace_back();
    tensor.scale = HalfToFloat(reader.U16());
    for (const uint8_t byte : reader.Take(spec.layout.num_codes())) tensor.codes.push_back(Unzigzag(byte));
  }
  KIT_TRY(reader.Finish("decoder: CD1"));
  return tensors;
}

// Adds the latents to the file, so that SceneOfTensors() checks everything together.
void AddLatents(const Latents& latents, TensorFile& file) {
  const int64_t dims = latents.dims;
  file.tensors["latents.codes"] = MakeTensor({latents.num_pairs, dims}, std::span<const uint8_t>(latents.codes));
  file.tensors["latents.minima"] = MakeHalfTensor({dims}, latents.minimum);
  file.tensors["latents.scales"] = MakeHalfTensor({dims}, latents.scale);
}

}  // namespace

Result<ForeignScene> ReadV1(std::span<const uint8_t> member, const Limits& limits) {
  const std::vector<std::span<const uint8_t>> parts = SplitParts(member, 3);
  KIT_ASSIGN(const Settings settings, ReadSettings(parts[0]));
  const uint64_t most = std::min<uint64_t>(kMaxDecoderCodes, limits.max_weights) + kMaxNames;
  KIT_ASSIGN(const Bytes decoder, UnfoldAtMost(parts[1], "decoder", most));
  KIT_ASSIGN(Latents latents, ReadLatentTable(parts[2], limits));
  ForeignScene foreign;
  foreign.sections = {{"settings", "lengths and settings", 12 + parts[0].size(), "", {}},
                      {"decoder", "decoder weights", parts[1].size(), "", {}},
                      {"latents", "latents", parts[2].size(), "", {}}};
  Scene& scene = foreign.scene;
  if (decoder.size() > kCompactMagic.size() && std::ranges::equal(kCompactMagic, std::span(decoder).first(3))) {
    foreign.form = "cd1";
    KIT_ASSIGN(scene.tensors, ReadCompactTensors(decoder));
    scene.latents = std::move(latents);
    scene.offsets = kPublishedOffsets;
  } else {
    foreign.form = "v1";
    TensorFile file;
    KIT_TRY(ReadNamedTensors(decoder, file));
    AddLatents(latents, file);
    KIT_ASSIGN(scene, SceneOfTensors(file, limits));
  }
  if (settings.num_pairs != scene.latents.num_pairs || settings.latent_dims != scene.latents.dims ||
      settings.base_channels != scene.shape.channels[0]) {
    return Error{Code::kCorrupt, "settings: do not agree with decoder and latents, at byte 0"};
  }
  return foreign;
}

}  // namespace kitsink::hnerv
