#pragma once
// The parsers that take bytes of unknown origin, each as a function that aborts when the parser breaks its promise: an
// error that blames us or cannot be shown, or a value that its own encoder refuses or turns into something else.

#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"

namespace kitsink::fuzz {

struct Target {
  std::string name;  // files of tests/corrupt for it begin so
  void (*run)(std::span<const uint8_t> bytes);
  std::vector<Bytes> (*seeds)();  // small valid inputs, the same on every machine
};

const std::vector<Target>& Targets();

// mask: a stream m; its head's checksum is set right first. maps: any bytes as class maps, through the encoder and
// back.
void Mask(std::span<const uint8_t> bytes);
void Maps(std::span<const uint8_t> bytes);
void Weights(std::span<const uint8_t> bytes);
void Pose(std::span<const uint8_t> bytes);
void Selectors(std::span<const uint8_t> bytes);
// header: the member's header alone. archive: a whole member. The check byte is set right first.
void Header(std::span<const uint8_t> bytes);
void Archive(std::span<const uint8_t> bytes);
// zip: a zip of unknown origin, loaded as an archive and extracted as a submission's.
void Zip(std::span<const uint8_t> bytes);
void Tensors(std::span<const uint8_t> bytes);
void Manifest(std::span<const uint8_t> bytes);
void Ledger(std::span<const uint8_t> bytes);

std::vector<Bytes> MaskSeeds();
std::vector<Bytes> MapsSeeds();
std::vector<Bytes> WeightsSeeds();
std::vector<Bytes> PoseSeeds();
std::vector<Bytes> SelectorsSeeds();
std::vector<Bytes> ArchiveSeeds();
std::vector<Bytes> ZipSeeds();
std::vector<Bytes> TensorsSeeds();
std::vector<Bytes> ManifestSeeds();
std::vector<Bytes> LedgerSeeds();

}  // namespace kitsink::fuzz
