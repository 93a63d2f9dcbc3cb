#pragma once
// The JSON files that say how an archive or a .raw file was made.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "kitsink/codec.h"

namespace kitsink {

using Json = nlohmann::ordered_json;

// tool, version, nets, device, library: what every manifest starts with.
Json ManifestHead(const char* job, const NetsInfo& nets, const Device& device);

Json DescribeFile(const std::filesystem::path& path, uint64_t size_bytes, const std::string& sha256);

// ScoreReport::made: what the manifests beside a .raw and beside its archive tell of options and seconds, as far as
// they are there and speak of the archive with this sum.
std::string DescribeMaking(const std::filesystem::path& raw, const std::filesystem::path& archive,
                           const std::string& archive_sha256);

}  // namespace kitsink
