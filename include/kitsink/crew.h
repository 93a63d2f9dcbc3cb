#pragma once
// The processes, on one host or several, that do one job together: which part is whose, and how they wait for each
// other.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kitsink/bytes.h"
#include "kitsink/frame.h"
#include "kitsink/result.h"

namespace kitsink {

// The number of a process among those that share a job.
struct Shard {
  uint64_t index = 0;
  uint64_t count = 1;
  // ResumeFolder's role, "1-of-3".
  std::string role() const { return std::to_string(index) + "-of-" + std::to_string(count); }
  // The consecutive items out of `num_items` that this process works on.
  PairRange PartOf(uint64_t num_items) const;
};

// The processes of a job that run the same program and meet again and again. All of them must call the functions below
// in the same order. Whatever decides about such a call must be the same in all of them: LeaderSays().
class Crew {
 public:
  Crew() = default;  // a process that works alone
  virtual ~Crew() = default;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  const Shard& shard() const { return shard_; }
  bool leads() const { return shard_.index == 0; }
  bool alone() const { return shard_.count == 1; }

  // What every process gives, in the order of their indices, once all have given. kInterrupted after a stop request, or
  // when another process has ended.
  virtual Result<std::vector<Bytes>> Gather(std::span<const uint8_t> own);
  // Ends the crew: returns when all processes are here. Nothing may be called afterwards.
  virtual Status Finish();

  // Waits until every process is here. What another wrote into a shared folder before is there afterwards.
  Status Wait();
  // What process 0 makes; the others wait for it.
  Result<Bytes> FromLeader(const std::function<Result<Bytes>()>& make);
  // Process 0's answer to a question that processes may answer differently, such as whether time is up.
  Result<bool> LeaderSays(bool own_answer);

 protected:
  explicit Crew(const Shard& shard) : shard_(shard) {}

 private:
  Shard shard_;
};

}  // namespace kitsink
