// Adds to a score report what is known about the archive's codec.

#include "jobs/describe_codec.h"

namespace kitsink {

void DescribeCodec(const ArchiveCodec& codec, ScoreReport& report) {
  report.codec = codec.name;
  report.nets_at_inflate = codec.nets_at_inflate;
  if (!codec.name.empty()) return;
  report.notes.push_back(
      "the archive is not one that kitsink knows: it was assumed that inflating runs no evaluator net, and the archive "
      "alone is counted");
}

}  // namespace kitsink
