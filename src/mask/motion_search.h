#pragma once
// Finds the motion between two maps, for the encoder.

#include <cstdint>
#include <span>

#include "mask/map_tables.h"
#include "mask/motion.h"

namespace kitsink {

// The centre, horizon and plane that suit a clip: one search for all its maps, since they belong to the camera.
Motion FindCamera(std::span<const uint8_t> ids, int width, int height, size_t count);

// The motion that makes `previous` resemble `actual` (rows of previous.width ids) best, starting from `last`.
Motion FindMotion(const uint8_t* actual, const MapTables& previous, const Motion& last);

}  // namespace kitsink
