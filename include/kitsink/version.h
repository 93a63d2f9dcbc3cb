#pragma once
// The version of kitsink.

#include <string_view>

namespace kitsink {

// "0.2.0"
std::string_view Version();

}  // namespace kitsink
