#pragma once
// One function per parser that takes any bytes. Each aborts when the parser breaks its promise: an error that blames
// us, or a value that its own encoder refuses or turns into other bytes.

#include <cstdint>
#include <span>

namespace kitsink::fuzz {

void Pose(std::span<const uint8_t> bytes);
void Weights(std::span<const uint8_t> bytes);
void Selectors(std::span<const uint8_t> bytes);
void Archive(std::span<const uint8_t> bytes);

}  // namespace kitsink::fuzz
