#pragma once
// Adds to a score report what is known about the archive's codec.

#include "kitsink/jobs.h"
#include "kitsink/score.h"

namespace kitsink {

// Fills in the codec and whether it runs the nets at inflate. For an unknown archive adds a note that this was assumed.
void DescribeCodec(const ArchiveCodec& codec, ScoreReport& report);

}  // namespace kitsink
