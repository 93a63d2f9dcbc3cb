// Encodes a scene as sections and decodes it; describes a member.

#include "codecs/video/scene.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "codecs/video/units.h"
#include "kitsink/binary_coder.h"
#include "kitsink/hash.h"

namespace kitsink::video {
namespace {

enum Section : size_t { kStream, kFilter };

constexpr uint32_t kMinSide = 16;
constexpr const char* kCodingNames[kNumCodings] = {"AV1", "HEVC"};

Error Corrupt(const std::string& what) { return Error{Code::kCorrupt, what}; }

std::string SizeText(FrameSize size) { return std::to_string(size.width) + " x " + std::to_string(size.height); }

Status CheckStreamShape(const Stream& stream, const Limits& limits) {
  KIT_TRY(CheckPictureSize(stream.size));
  if (stream.num_pairs == 0) return Error{Code::kInvalidArgument, "stream: 0 pairs, expected 1 or more"};
  if (stream.num_pairs > limits.max_pairs) {
    return Error{Code::kLimit,
                 "stream: " + std::to_string(stream.num_pairs) + " pairs, limit " + std::to_string(limits.max_pairs)};
  }
  if (stream.bytes.empty()) return Error{Code::kInvalidArgument, "stream: holds no units, expected pictures"};
  return Ok();
}

Status CheckFilters(const Scene& scene) {
  if (scene.filters.size() > 2) {
    return Error{Code::kInvalidArgument,
                 "filter: got " + std::to_string(scene.filters.size()) + " filters, expected at most 2"};
  }
  for (const Filter& filter : scene.filters) {
    KIT_TRY(CheckFilterWidth(filter.width));
    const std::vector<TensorSpec> specs = FilterTensors(filter.width);
    if (filter.tensors.size() != specs.size()) {
      return Error{Code::kInvalidArgument, "filter: got " + std::to_string(filter.tensors.size()) +
                                               " tensors, expected " + std::to_string(specs.size())};
    }
    for (size_t i = 0; i < specs.size(); ++i) KIT_TRY(CheckTensor(specs[i], filter.tensors[i]));
  }
  return Ok();
}

Bytes EncodeStreamSection(const Stream& stream) {
  ByteWriter writer;
  writer.U8(static_cast<uint8_t>(static_cast<int>(stream.coding) | (stream.lead ? 0x80 : 0)));
  writer.Leb128(stream.size.width);
  writer.Leb128(stream.size.height);
  writer.Leb128(stream.num_pairs);
  writer.U32(Crc32(stream.bytes, 0));
  writer.Append(stream.bytes);
  return writer.Take();
}

Result<Stream> DecodeStreamSection(std::span<const uint8_t> section, const Limits& limits) {
  ByteReader reader(section);
  Stream stream;
  const uint8_t head = reader.U8();
  stream.size.width = reader.Leb128();
  stream.size.height = reader.Leb128();
  stream.num_pairs = reader.Leb128();
  const uint32_t crc = reader.U32();
  const size_t begin = reader.position();
  const std::span<const uint8_t> bytes = reader.Take(reader.remaining());
  KIT_TRY(reader.Finish("stream"));
  if ((head & 0x7f) >= kNumCodings) {
    return Error{Code::kUnsupported, "stream: coding " + std::to_string(head & 0x7f) + ", expected 0 or 1, at byte 0"};
  }
  stream.coding = static_cast<StreamCoding>(head & 0x7f);
  stream.lead = (head & 0x80) != 0;
  stream.bytes.assign(bytes.begin(), bytes.end());
  if (const Status status = CheckStreamShape(stream, limits); !status.ok()) {
    return Error{status.error().code == Code::kLimit ? Code::kLimit : Code::kCorrupt, status.error().message};
  }
  if (const uint32_t got = Crc32(bytes, 0); got != crc) {
    return Corrupt("stream: checksum of its bytes is " + std::to_string(got) + ", expected " + std::to_string(crc) +
                   ", from byte " + std::to_string(begin));
  }
  KIT_TRY(SplitUnits(stream));
  return stream;
}

// The number of filters minus 1 in bit 7 and the width of each in units of 8 in bits 0 to 3 of one byte each; then the
// checksum; then the tensors of all filters by one coder.
Bytes EncodeFilterSection(const std::vector<Filter>& filters) {
  BinaryEncoder coder;
  std::vector<TensorSpec> specs;
  std::vector<QuantizedTensor> tensors;
  ByteWriter writer;
  for (size_t i = 0; i < filters.size(); ++i) {
    const bool more = i + 1 < filters.size();
    writer.U8(static_cast<uint8_t>((more ? 0x80 : 0) | filters[i].width / 8));
    for (const TensorSpec& spec : FilterTensors(filters[i].width)) specs.push_back(spec);
    tensors.insert(tensors.end(), filters[i].tensors.begin(), filters[i].tensors.end());
  }
  EncodeMixedTensors(coder, specs, tensors);
  writer.U16(TensorsChecksum(tensors));
  writer.Append(coder.Finish());
  return writer.Take();
}

Result<std::vector<Filter>> DecodeFilterSection(std::span<const uint8_t> section, std::vector<StreamPart>* parts) {
  ByteReader reader(section);
  std::vector<Filter> filters;
  std::vector<TensorSpec> specs;
  for (bool more = true; more;) {
    const uint8_t head = reader.U8();
    more = (head & 0x80) != 0;
    const uint32_t width = 8 * (head & 0x7fU);
    if (width == 0 || width > kMaxFilterWidth || (more && !filters.empty())) {
      return Corrupt("filter: head " + std::to_string(head) + " is none of a filter, at byte " +
                     std::to_string(filters.size()));
    }
    filters.push_back({width, {}});
    for (const TensorSpec& spec : FilterTensors(width)) specs.push_back(spec);
  }
  const uint16_t checksum = reader.U16();
  const std::span<const uint8_t> code = reader.Take(reader.remaining());
  KIT_TRY(reader.Finish("filter"));
  BinaryDecoder coder(code);
  Result<std::vector<QuantizedTensor>> decoded = DecodeMixedTensors(coder, specs, parts);
  if (!decoded.ok()) return Within("filter", decoded.error());
  std::vector<QuantizedTensor> tensors = decoded.TakeValue();
  if (const uint16_t got = TensorsChecksum(tensors); got != checksum) {
    return Corrupt("filter: checksum of the decoded integers is " + std::to_string(got) + ", expected " +
                   std::to_string(checksum));
  }
  if (!coder.at_end()) {
    return Corrupt("filter: its last bytes are not those of the code, before byte " + std::to_string(section.size()));
  }
  auto next = tensors.begin();
  for (Filter& filter : filters) {
    const auto count = static_cast<ptrdiff_t>(FilterTensors(filter.width).size());
    filter.tensors.assign(std::move_iterator(next), std::move_iterator(next + count));
    next += count;
  }
  if (parts != nullptr) {
    double rest = 8 * static_cast<double>(section.size());
    for (const StreamPart& part : *parts) rest -= part.bits;
    parts->push_back({"shape, end and checksum", rest, 0});
  }
  return filters;
}

std::string Fixed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

}  // namespace

Status CheckPictureSize(FrameSize size) {
  const auto side_ok = [](uint32_t side, uint32_t most) { return side >= kMinSide && side <= most && side % 2 == 0; };
  if (side_ok(size.width, kModelGrid.width) && side_ok(size.height, kModelGrid.height)) return Ok();
  return Error{Code::kInvalidArgument,
               "stream: pictures of " + SizeText(size) + ", expected even sides, 16 x 16 to " + SizeText(kModelGrid)};
}

Status CheckFilterWidth(uint32_t width) {
  if (width > 0 && width % 8 == 0 && width <= kMaxFilterWidth) return Ok();
  return Error{Code::kInvalidArgument, "filter: " + std::to_string(width) +
                                           " channels, expected a multiple of 8 up to " +
                                           std::to_string(kMaxFilterWidth)};
}

std::vector<TensorSpec> FilterTensors(uint32_t width) {
  std::vector<TensorSpec> specs;
  const auto add = [&specs](const std::string& layer, uint32_t outputs, uint32_t inputs) {
    const auto number = static_cast<uint8_t>(specs.size() / 2);
    specs.push_back({layer + ".weight", {outputs, inputs, 3, 3}, TensorKind::kInt4Rows, number, number});
    specs.push_back({layer + ".bias", {outputs}, TensorKind::kHalf, number, number});
  };
  add("conv1", width, 3);
  add("conv2", width, width);
  add("conv3", 3, width);
  return specs;
}

Result<Member> EncodeScene(const Scene& scene, const CodingContext& context) {
  KIT_TRY(CheckStreamShape(scene.stream, context.limits));
  if (const auto units = SplitUnits(scene.stream); !units.ok()) {
    return Error{Code::kInvalidArgument, units.error().message};
  }
  KIT_TRY(CheckFilters(scene));
  Member member;
  member.codec = kCodecId;
  member.frame_size = scene.frame_size;
  member.sections.push_back(EncodeStreamSection(scene.stream));
  if (!scene.filters.empty()) member.sections.push_back(EncodeFilterSection(scene.filters));
  return member;
}

namespace {

Result<Scene> Decode(const Member& member, const Limits& limits, std::vector<StreamPart>* parts) {
  if (member.sections.empty() || member.sections.size() > 2) {
    return Corrupt("archive: header: got " + std::to_string(member.sections.size()) +
                   " sections, expected 1 or 2, at byte 1");
  }
  Scene scene;
  scene.frame_size = member.frame_size;
  KIT_ASSIGN(scene.stream, DecodeStreamSection(member.sections[kStream], limits));
  if (member.sections.size() > kFilter) {
    KIT_ASSIGN(scene.filters, DecodeFilterSection(member.sections[kFilter], parts));
  }
  return scene;
}

}  // namespace

Result<Scene> DecodeScene(const Member& member, const CodingContext& context) {
  return Decode(member, context.limits, nullptr);
}

Result<Description> Describe(const Member& member, DescribeDepth /*depth*/, const CodingContext& context) {
  std::vector<StreamPart> parts;
  KIT_ASSIGN(const Scene scene, Decode(member, context.limits, &parts));
  const Stream& stream = scene.stream;
  const std::string coding = kCodingNames[static_cast<size_t>(stream.coding)];
  Description description;
  description.num_pairs = stream.num_pairs;
  description.sections.push_back(
      {"stream",
       "video stream",
       member.sections[kStream].size(),
       coding + ", " + std::to_string(stream.num_pictures()) + " pictures of " + SizeText(stream.size) +
           Fixed(", %.1f bytes each",
                 static_cast<double>(stream.bytes.size()) / static_cast<double>(stream.num_pictures())),
       {{"head", 8.0 * static_cast<double>(member.sections[kStream].size() - stream.bytes.size()), 0},
        {"units", 8.0 * static_cast<double>(stream.bytes.size()), stream.num_pictures()}}});
  std::string widths;
  uint64_t num_weights = 0;
  for (const Filter& filter : scene.filters) {
    widths += (widths.empty() ? "" : " and ") + std::to_string(filter.width);
    num_weights += CountWeights(FilterTensors(filter.width));
  }
  if (!scene.filters.empty()) {
    const uint64_t bytes = member.sections[kFilter].size();
    for (size_t i = 2; i + 1 < parts.size(); ++i) parts[i].name = "codes of conv" + std::to_string(i - 1);
    description.sections.push_back(
        {"filter", "restoration filter", bytes,
         std::to_string(num_weights) + " weights, " + widths + " channels" +
             (scene.filters.size() == 2 ? " for f0 and f1" : "") +
             Fixed(", %.2f bits each", 8.0 * static_cast<double>(bytes) / static_cast<double>(num_weights)),
         std::move(parts)});
  }
  description.facts = "{\"stream\": {\"coding\": \"" + coding + "\", \"width\": " + std::to_string(stream.size.width) +
                      ", \"height\": " + std::to_string(stream.size.height) +
                      "}, \"filters\": " + std::to_string(scene.filters.size()) +
                      ", \"num_weights\": " + std::to_string(num_weights) + "}";
  return description;
}

Result<TensorFile> Unpack(const Member& member, const CodingContext& context) {
  KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
  return TensorsOf(scene);
}

Result<Member> Pack(const TensorFile& file, const PackOptions& options, const CodingContext& context) {
  KIT_ASSIGN(Scene scene, SceneOfTensors(file, context.limits));
  // Streams of other programs have units that no decoder needs.
  StreamPacker packer(scene.stream.coding);
  if (const Status packed = packer.Add(scene.stream.bytes); !packed.ok()) {
    return Error{Code::kInvalidArgument, "stream.bytes: " + packed.error().message};
  }
  scene.stream.bytes = packer.Take();
  scene.frame_size = options.frame_size;
  return EncodeScene(scene, context);
}

}  // namespace kitsink::video
