// Defines codec search's CodecEngine, its functions that need the engine.

#include "codecs/search/engine.h"

#include <nlohmann/json.hpp>

#include "codecs/search/scene.h"

namespace kitsink::search {

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

extern const CodecEngine kEngine;
const CodecEngine kEngine = {.id = kCodecId, .compress = Compress, .open = Open};

}  // namespace kitsink::search
