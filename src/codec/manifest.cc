#include "codec/manifest.h"

#include <string>

#include "kitsink/file.h"
#include "kitsink/manifest.h"
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

std::string DescribeMaking(const std::filesystem::path& raw, const std::filesystem::path& archive,
                           const std::string& archive_sha256) {
  Json made;
  const auto add = [&](const char* job, const std::filesystem::path& path) {
    const Result<Bytes> bytes = ReadFile(path, kMaxManifestBytes);
    if (!bytes.ok()) return;
    const Json json = Json::parse(bytes.value().begin(), bytes.value().end(), nullptr, false);
    if (!json.is_object() || !json.contains("archive") || !json["archive"].is_object()) return;
    if (json["archive"].value("sha256", Json()) != archive_sha256) return;
    for (const char* part : {"options", "seconds"}) {
      if (json.contains(part)) made[job][part] = json[part];
    }
  };
  add("compress", archive.string() + ".json");
  add("inflate", std::filesystem::path(raw).replace_extension(".json"));
  return made.is_null() ? "" : made.dump();
}

}  // namespace kitsink
