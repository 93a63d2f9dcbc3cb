// Lists this build's codecs with the functions that need the engine.

#include <array>
#include <nlohmann/json.hpp>

#include "kitsink/codec.h"
#include "kitsink/nets.h"

namespace kitsink {

#define KITSINK_CODEC(codec)        \
  namespace codec {                 \
  extern const CodecEngine kEngine; \
  }
#include "codecs/codecs.def"
#undef KITSINK_CODEC

namespace {

const std::array kEngines = {
#define KITSINK_CODEC(codec) &codec::kEngine,
#include "codecs/codecs.def"
#undef KITSINK_CODEC
};

}  // namespace

Json DescribeNets(const NetsInfo& nets, const Device& device) {
  Json json;
  json["nets"] = {{"label", nets.label},
                  {"segnet_sha256", nets.segnet_sha256},
                  {"posenet_sha256", nets.posenet_sha256},
                  {"bytes", nets.size_bytes()}};
  json["device"] = device.ToString();
  json["torch"] = TorchDescription();
  return json;
}

Codecs EngineCodecs() { return {FormatCodecs().formats, kEngines}; }

}  // namespace kitsink
