#pragma once
// What a score says of the codec that made its archive.

#include "kitsink/jobs.h"
#include "kitsink/score.h"

namespace kitsink {

// Fills in the codec and whether its nets count at inflate. Of an unknown archive the report notes that this was
// assumed.
void DescribeCodec(const ArchiveCodec& codec, ScoreReport& report);

}  // namespace kitsink
