#include "codec/manifest.h"

#include <string>

#include "kitsink/version.h"

namespace kitsink {

Json ManifestHead(const char* job, const NetsInfo& nets, const Device& device) {
  Json json;
  json["tool"] = "kitsink " + std::string(Version());
  json["job"] = job;
  json["nets"] = {{"label", nets.label},
                  {"segnet_sha256", nets.segnet_sha256},
                  {"posenet_sha256", nets.posenet_sha256},
                  {"bytes", nets.size_bytes()}};
  json["device"] = device.ToString();
  json["torch"] = TorchDescription();
  return json;
}

Json DescribeFile(const std::filesystem::path& path, uint64_t size_bytes, const std::string& sha256) {
  return {{"path", path.string()}, {"bytes", size_bytes}, {"sha256", sha256}};
}

}  // namespace kitsink
