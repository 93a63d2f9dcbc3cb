// What the processes of a job share out, and how a process works alone.

#include "kitsink/crew.h"

#include <utility>

namespace kitsink {

PairRange Shard::PartOf(uint64_t num_items) const {
  return {num_items * index / count, num_items * (index + 1) / count};
}

Result<std::vector<Bytes>> Crew::Gather(std::span<const uint8_t> own) {
  return std::vector<Bytes>{Bytes(own.begin(), own.end())};
}

Status Crew::Finish() { return Ok(); }

Status Crew::Wait() {
  KIT_TRY(Gather({}));
  return Ok();
}

Result<Bytes> Crew::FromLeader(const std::function<Result<Bytes>()>& make) {
  Bytes made;
  if (leads()) {
    KIT_ASSIGN(made, make());
  }
  if (alone()) return made;
  KIT_ASSIGN(std::vector<Bytes> all, Gather(made));
  return std::move(all[0]);
}

Result<bool> Crew::LeaderSays(bool own_answer) {
  KIT_ASSIGN(const Bytes said,
             FromLeader([own_answer]() -> Result<Bytes> { return Bytes{own_answer ? uint8_t{1} : uint8_t{0}}; }));
  return said == Bytes{1};
}

}  // namespace kitsink
