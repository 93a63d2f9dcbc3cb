#pragma once
// Work on many items, each of whose results is an entry of the job's folder, shared among threads and processes.

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "kitsink/bytes.h"
#include "kitsink/log.h"
#include "kitsink/result.h"
#include "kitsink/run.h"
#include "kitsink/train.h"

namespace kitsink {

struct EntryWork {
  std::string stage;  // of Progress
  size_t count = 0;
  const char* unit = "pairs";
  int at_once = 1;                                    // threads of this process
  std::function<std::string(size_t item)> name = {};  // of its entry
  // Makes an item's entry. It may throw what LibTorch throws, and runs on several threads at once.
  std::function<Result<Bytes>(size_t item)> make = {};
  // Takes each entry, in order, whoever made it.
  std::function<Status(size_t item, ByteReader& entry)> take = {};
};
// Makes this process's part of the entries, apart from those that are there; waits for the other processes; takes all.
// kInterrupted after a stop request; kCorrupt when an entry has another length than was taken; what the functions
// return.
Status MakeEntries(const EntryWork& work, const ResumeFolder& folder, Progress& progress);

// How many of so many pairs a process works on.
double PairsOfAProcess(size_t num_pairs, const ResumeFolder& folder);

// The checkpoint of a training that the processes of the job share, in an entry of its folder.
Result<Checkpoint> CheckpointOf(const ResumeFolder& folder, const std::string& entry);

// What a job returns after a stop request.
Error Interrupted();

}  // namespace kitsink
