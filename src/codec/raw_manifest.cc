#include "codec/raw_manifest.h"

#include <nlohmann/json.hpp>

#include "kitsink/file.h"

namespace kitsink {

Result<RawManifest> ReadRawManifest(std::span<const uint8_t> bytes) {
  const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, /*allow_exceptions=*/false);
  const auto bad = [](const char* what) { return Error{Code::kCorrupt, std::string("manifest: ") + what}; };
  if (!json.is_object()) return bad("is not a JSON object");
  const auto archive = json.find("archive");
  const auto raw = json.find("raw");
  if (archive == json.end() || !archive->is_object() || raw == json.end() || !raw->is_object()) {
    return bad(R"(lacks the objects "archive" and "raw")");
  }
  RawManifest manifest;
  const auto archive_path = archive->find("path");
  const auto sha256 = archive->find("sha256");
  const auto raw_bytes = raw->find("bytes");
  if (archive_path == archive->end() || !archive_path->is_string() || sha256 == archive->end() ||
      !sha256->is_string() || raw_bytes == raw->end() || !raw_bytes->is_number_unsigned()) {
    return bad("lacks archive.path, archive.sha256 or raw.bytes");
  }
  manifest.archive_path = archive_path->get<std::string>();
  manifest.archive_sha256 = sha256->get<std::string>();
  manifest.raw_bytes = raw_bytes->get<uint64_t>();
  return manifest;
}

Result<RawManifest> LoadRawManifest(const std::filesystem::path& path) {
  KIT_ASSIGN(const Bytes bytes, ReadFile(path, 1 << 26));
  Result<RawManifest> manifest = ReadRawManifest(bytes);
  if (!manifest.ok()) return Within(path.string(), manifest.error());
  return manifest;
}

}  // namespace kitsink
