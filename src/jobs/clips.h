#pragma once
// The videos of a names file: finds them, checks them, and scores them together as upstream's evaluate.py does.

#include <filesystem>
#include <string>
#include <vector>

#include "kitsink/jobs.h"
#include "kitsink/result.h"
#include "kitsink/score.h"
#include "kitsink/scorer.h"

namespace kitsink {

// One line of a names file.
struct Clip {
  std::string name;
  std::filesystem::path video, raw;
};

struct ClipList {
  std::string names_file, uncompressed_dir;  // as the user named them
  std::filesystem::path inflated;            // folder of the frames
  std::vector<Clip> clips;                   // a name that is listed twice is here twice
  std::vector<std::string> notes;            // what a reader of the score must know about the list
};

// Reads a names file. Videos lie below `uncompressed_dir`, frames below `inflated`. kInvalidArgument for a byte-order
// mark, for a name that leads out of its folder, and for a list without names.
Result<ClipList> ReadClipList(const std::string& names_file, const std::string& uncompressed_dir,
                              const std::filesystem::path& inflated);

// The options of a score, with the dump of this clip: for several clips `dump` is a folder with one for each.
GroundTruthOptions GroundTruthOf(const GroundTruthOptions& options, const Clip& clip);

// Checks that the frames of every clip are there. One sentence names the first that is missing, and how many are.
Status CheckInflated(const ClipList& list);

// Checks each original before long work: it is there, is no Git LFS pointer, opens, and gives a first pair; its dump
// fits it and has the right SHA-256. Missing ones give one sentence as above.
Status CheckOriginals(const ClipList& list, const GroundTruthOptions& ground_truth, const Limits& limits);

struct ClipListOptions {
  GroundTruthOptions ground_truth;
  size_t batch_size = kUpstreamBatchSize;
  bool use_cache = true;
  Limits limits;
};

// Scores all clips, and fills in the report's figures, clips, originals and notes. A video that is named twice is
// scored once, enters the means twice, and its bytes count once. A note gives the score that upstream would report if
// it counted files below the folder that are not named.
Status ScoreClipList(const ClipList& list, const ClipListOptions& options, Nets& nets, ScoreReport& report,
                     Progress& progress);

}  // namespace kitsink
