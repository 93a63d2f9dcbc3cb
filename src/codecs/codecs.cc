// Lists this build's codecs without the functions that need the engine.

#include <array>
#include <string>

#include "kitsink/codec.h"

namespace kitsink {

#define KITSINK_CODEC(codec)        \
  namespace codec {                 \
  extern const CodecFormat kFormat; \
  }
#include "codecs/codecs.def"
#undef KITSINK_CODEC

namespace {

const std::array kFormats = {
#define KITSINK_CODEC(codec) &codec::kFormat,
#include "codecs/codecs.def"
#undef KITSINK_CODEC
};

}  // namespace

const CodecFormat* Codecs::Find(CodecId id) const {
  for (const CodecFormat* format : formats) {
    if (format->id == id) return format;
  }
  return nullptr;
}

const CodecFormat* Codecs::Find(std::string_view name) const {
  for (const CodecFormat* format : formats) {
    if (format->name == name) return format;
  }
  return nullptr;
}

const CodecEngine* Codecs::FindEngine(CodecId id) const {
  for (const CodecEngine* engine : engines) {
    if (engine->id == id) return engine;
  }
  return nullptr;
}

Result<const CodecFormat*> Codecs::FormatOf(const Member& member) const {
  if (const CodecFormat* format = Find(member.codec); format != nullptr) return format;
  return Error{Code::kUnsupported,
               "archive: is of codec " + std::to_string(member.codec) + ", which this build does not know, at byte 1"};
}

Result<LoadedArchive> Codecs::Load(const std::filesystem::path& zip_or_folder, const Limits& limits) const {
  return LoadArchive(zip_or_folder, limits, [this](std::span<const uint8_t> member) {
    for (const CodecFormat* format : formats) {
      if (format->recognises != nullptr && format->recognises(member)) return format->id;
    }
    return CodecId{0};
  });
}

Codecs FormatCodecs() { return {kFormats, {}}; }

}  // namespace kitsink
