#pragma once
// The parsers of untrusted bytes, each as a function that aborts when the parser breaks its promise. It must not return
// an error that reports a bug in kitsink or cannot be printed, or a value that its encoder refuses or changes.

#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"

namespace kitsink::fuzz {

struct Target {
  std::string name;  // its files in tests/corrupt start with this name
  void (*run)(std::span<const uint8_t> bytes);
  std::vector<Bytes> (*seeds)();  // small valid inputs, the same on every machine
};

const std::vector<Target>& Targets();

// mask: a stream m, after its head's checksum is corrected. maps: any bytes as class maps, encoded and decoded.
void Mask(std::span<const uint8_t> bytes);
void Maps(std::span<const uint8_t> bytes);
void Weights(std::span<const uint8_t> bytes);
void Pose(std::span<const uint8_t> bytes);
void Selectors(std::span<const uint8_t> bytes);
// header: the member's header alone. archive: a whole member. The check byte is corrected first.
void Header(std::span<const uint8_t> bytes);
void Archive(std::span<const uint8_t> bytes);
// zip: an untrusted zip, loaded as an archive and extracted as a submission.
void Zip(std::span<const uint8_t> bytes);
// tensors: a safetensors file, then packed by every codec.
void Tensors(std::span<const uint8_t> bytes);
// table: two bytes that choose a shape, then the code of a number table. renderer, carrier: a section of codec strict
// beside small ones, after its checksum is corrected. strict: a whole member, after its check byte is corrected.
void Table(std::span<const uint8_t> bytes);
void Renderer(std::span<const uint8_t> bytes);
void Carrier(std::span<const uint8_t> bytes);
void Strict(std::span<const uint8_t> bytes);
// foreign: another program's member of codec hnerv, as it is and as the parts before compression. hnerv: a whole
// member, after its check byte and checksums are corrected.
void Foreign(std::span<const uint8_t> bytes);
void Hnerv(std::span<const uint8_t> bytes);
// video: a whole member of codec video, after its check byte and its sections' checksums are corrected.
void Video(std::span<const uint8_t> bytes);
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
std::vector<Bytes> TableSeeds();
std::vector<Bytes> RendererSeeds();
std::vector<Bytes> CarrierSeeds();
std::vector<Bytes> StrictSeeds();
std::vector<Bytes> VideoSeeds();
Bytes StrictTensorsSeed();
std::vector<Bytes> ForeignSeeds();
std::vector<Bytes> HnervSeeds();
Bytes HnervTensorsSeed();
std::vector<Bytes> ManifestSeeds();
std::vector<Bytes> LedgerSeeds();

}  // namespace kitsink::fuzz
