// Chooses the form of another program's member and checks the scene that its reader finds.

#include "codecs/hnerv/foreign/foreign.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "codecs/hnerv/foreign/forms.h"

namespace kitsink::hnerv {
namespace {

enum class Form { kNone, kV1, kPacked, kFixed, kFourPart, kMicrocodec, kSelector };

constexpr std::array<uint8_t, 1> kPackedMagic = {0xff};
constexpr std::array<uint8_t, 3> kFixedMagic = {'H', 'N', '1'};
constexpr std::array<uint8_t, 4> kSelectorMagic = {'F', 'P', '1', '1'};

bool BeginsWith(std::span<const uint8_t> member, std::span<const uint8_t> magic) {
  return member.size() > magic.size() && std::ranges::equal(member.first(magic.size()), magic);
}

Form FormOf(std::span<const uint8_t> member) {
  if (BeginsWith(member, kPackedMagic)) return Form::kPacked;
  if (BeginsWith(member, kFixedMagic)) return Form::kFixed;
  if (BeginsWith(member, kSelectorMagic)) return Form::kSelector;
  if (!SplitParts(member, 3).empty()) return Form::kV1;
  if (!SplitParts(member, 4).empty()) return Form::kFourPart;
  return member.size() == MicrocodecLengths().member() ? Form::kMicrocodec : Form::kNone;
}

Result<ForeignScene> Read(Form form, std::span<const uint8_t> member, const Limits& limits) {
  switch (form) {
    case Form::kV1: return ReadV1(member, limits);
    case Form::kPacked: return ReadPacked(member);
    case Form::kFixed: return ReadFixed(member);
    case Form::kFourPart: return ReadFourPart(member, limits);
    case Form::kMicrocodec: return ReadMicrocodec(member, {});
    case Form::kSelector: return ReadSelectorForm(member, {});
    case Form::kNone: break;
  }
  return Error{Code::kCorrupt, "is of no known form, at byte 0"};
}

}  // namespace

std::vector<std::span<const uint8_t>> SplitParts(std::span<const uint8_t> member, size_t count) {
  ByteReader reader(member);
  std::vector<std::span<const uint8_t>> parts;
  while (parts.size() < count) {
    const uint32_t size = reader.U32();
    if (reader.overran() || size > reader.remaining()) return {};
    parts.push_back(reader.Take(size));
  }
  return reader.remaining() == 0 ? parts : std::vector<std::span<const uint8_t>>();
}

bool RecognisesForeign(std::span<const uint8_t> member) { return FormOf(member) != Form::kNone; }

Result<ForeignScene> ReadForeign(std::span<const uint8_t> member, const Limits& limits) {
  Result<ForeignScene> foreign = Read(FormOf(member), member, limits);
  Error error;
  if (foreign.ok()) {
    const Status status = CheckScene(foreign.value().scene, limits);
    if (status.ok()) return foreign;
    error = status.error();
  } else {
    error = foreign.error();
  }
  // What a scene may not be, an archive must not say.
  if (error.code == Code::kInvalidArgument) error.code = Code::kCorrupt;
  return Within("foreign archive", error);
}

}  // namespace kitsink::hnerv
