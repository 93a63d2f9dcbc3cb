#pragma once
// The pages about a run, an archive and a ledger: each is one HTML file that needs no other file and no network.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kitsink/archive.h"
#include "kitsink/bytes.h"
#include "kitsink/report.h"
#include "kitsink/score.h"

namespace kitsink {

// "data:image/png;base64,..."
std::string DataUri(std::string_view type, std::span<const uint8_t> bytes);

using Colour = std::array<uint8_t, 3>;  // red, green, blue

// A PNG of 4 bits a pixel. REQUIRES: size is not empty, and has as many ids, each below palette.size(), which is at
// most 16.
Bytes EncodePalettePng(FrameSize size, std::span<const uint8_t> ids, std::span<const Colour> palette);

// Names of the classes of the contest's SegNet, and the colours that the pages give them; by id.
struct ClassColour {
  const char* name;
  Colour colour;
};
inline constexpr ClassColour kClassColours[kNumClasses] = {{"road", {70, 76, 90}},
                                                           {"lane marks", {240, 180, 60}},
                                                           {"undrivable", {96, 132, 92}},
                                                           {"movable", {196, 72, 76}},
                                                           {"own car", {90, 120, 190}}};

// One pair in pictures, as data URIs.
struct PagePair {
  uint64_t index = 0;  // of the clip
  std::string why;     // "worst 1"
  double share = 0;    // what the pair adds to the score: to the seg term and, to first order, to the pose term
  std::string original_f0, original_f1, original_classes;
  std::string inflated_f0, inflated_f1, inflated_classes;
};

// A palette for both class maps of PagePair: the classes, then the same in pale, for pixels of the inflated map whose
// class is the original's.
std::vector<Colour> PairPalette();

// Everything that the page about one run shows.
struct RunPage {
  ScoreReport score;
  std::vector<SectionUse> sections;  // of the archive, with header and container; empty for an unknown archive
  FrameSize frame_size;              // of the pictures
  std::vector<PagePair> pairs;
  std::vector<std::string> notes;  // about the pictures: sentences without a final full stop
  std::vector<PairDistortion> before,
      after;                          // the search, pair by pair, against the archive's targets; empty = unknown
  std::vector<MeanDistortion> curve;  // the same as means over the pairs after 0, 1 .. steps; empty = unknown
  std::vector<LedgerRecord> ledger;
};
// The page has a script, which shows the pairs one by one with a common zoom window. The page's policy lets no other
// script run.
std::string FormatRunPage(const RunPage& page);

// Everything that the page about an archive shows.
struct ArchivePage {
  std::string archive_name, sha256, codec;
  int format_version = 0;
  FrameSize frame_size;
  uint64_t archive_bytes = 0, header_bytes = 0, container_bytes = 0;
  uint64_t original_bytes = 0;
  std::string original_from;  // who says so
  Description description;    // measured
};
inline constexpr size_t kMaxArchivePageBytes = 16 << 20;
// At most kMaxArchivePageBytes for every archive that Limits allows: maps are thinned out to kPageMaps of at most 512
// pixels a side, and long columns to their means.
inline constexpr size_t kPageMaps = 48;
std::string FormatArchivePage(const ArchivePage& page);

// The best run of each group, then the runs of each, drawn and listed. Shows kPageRuns runs at most, and says how many
// it leaves out: rejected ones before promoted ones, old ones before new ones. `name` is the ledger's.
inline constexpr size_t kPageRuns = 1000;
std::string FormatLedgerPage(std::span<const LedgerRecord> records, const std::string& name);

}  // namespace kitsink
