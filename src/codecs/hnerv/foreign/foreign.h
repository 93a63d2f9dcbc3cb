#pragma once
// Archives of the programs that published clips of this family (FORMAT.md, "Archives of other programs").

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "codecs/hnerv/scene.h"

namespace kitsink::hnerv {

struct ForeignScene {
  std::string form;                  // "v1", "cd1", "packed", "fixed", "four parts", "microcodec" or "selector"
  Scene scene;                       // of the contest's frame size
  std::vector<SectionUse> sections;  // in the member's order; they add up to it
};

// True for a member whose first bytes and lengths are those of a form.
bool RecognisesForeign(std::span<const uint8_t> member);

// kCorrupt for a damaged member and one of no known form, kLimit for one that asks for too much, kUnsupported for a
// clip of another size than the form's programs made.
Result<ForeignScene> ReadForeign(std::span<const uint8_t> member, const Limits& limits);

}  // namespace kitsink::hnerv
