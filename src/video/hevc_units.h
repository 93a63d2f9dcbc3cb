#pragma once
// What the units of an HEVC packet are.

#include <optional>

#include "video/ffmpeg.h"

namespace kitsink {

// True if start codes separate the units. Else each unit has its length before it, as in mp4 and mkv.
bool HasStartCodes(const AVCodecParameters& parameters);

constexpr int kPictureTypes = 32;  // units of types 0 to 31 are parts of pictures, ITU-T H.265 table 7-1
constexpr int kAllTypes = 64;

// The first of the packet's units whose type is less than `end_type`: its type, or nothing.
std::optional<int> FindUnit(const AVCodecParameters& parameters, const AVPacket& packet, int end_type);

// Marks the end of a sequence or a stream, or fills space.
inline bool StandsAlone(int type) { return type >= 36 && type <= 38; }

// A picture from which decoding can start: IDR, BLA or CRA.
inline bool StartsDecoding(int type) { return type >= 16 && type <= 23; }

// A picture shown before the one that started the decoding, though it comes after it (RADL and RASL).
inline bool IsLeading(int type) { return type >= 6 && type <= 9; }

// A leading picture that refers to pictures before the one that started the decoding (RASL).
inline bool RefersBeforeStart(int type) { return type == 8 || type == 9; }

}  // namespace kitsink
