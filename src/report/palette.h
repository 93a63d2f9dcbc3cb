#pragma once
// Colours and names of classes, for up to 16 of them.

#include <array>
#include <string>
#include <vector>

#include "kitsink/page.h"

namespace kitsink {

// kClassColours, then colours for classes that the contest's SegNet lacks.
inline std::vector<Colour> MapPalette() {
  constexpr std::array<Colour, 11> kMore = {{{150, 110, 180},
                                             {80, 170, 170},
                                             {200, 130, 90},
                                             {220, 210, 190},
                                             {120, 150, 60},
                                             {160, 160, 170},
                                             {230, 150, 180},
                                             {50, 90, 80},
                                             {130, 80, 60},
                                             {170, 200, 230},
                                             {30, 30, 40}}};
  std::vector<Colour> palette;
  for (const ClassColour& entry : kClassColours) palette.push_back(entry.colour);
  palette.insert(palette.end(), kMore.begin(), kMore.end());
  return palette;
}

// "rgb(240,180,60)"
inline std::string CssOf(const Colour& colour) {
  return "rgb(" + std::to_string(colour[0]) + "," + std::to_string(colour[1]) + "," + std::to_string(colour[2]) + ")";
}

// "lane marks"; "class 1" for maps that are not the contest's.
inline std::string ClassName(size_t id, size_t num_classes) {
  return num_classes == kNumClasses ? kClassColours[id].name : "class " + std::to_string(id);
}

}  // namespace kitsink
