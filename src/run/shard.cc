// Parses shards and durations.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "kitsink/run.h"

namespace kitsink {
namespace {

// Environment variables that give a process's number and the number of processes, by launcher.
constexpr std::array<std::pair<const char*, const char*>, 3> kLaunchers = {
    {{"RANK", "WORLD_SIZE"},                            // torchrun
     {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},  // Open MPI
     {"SLURM_PROCID", "SLURM_NTASKS"}}};                // Slurm; last, because mpirun may run inside its jobs

Result<Shard> MakeShard(const std::string& where, const std::string& index, const std::string& count) {
  const auto number = [](const std::string& text) {
    return !text.empty() && text.size() <= 6 &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
  };
  if (!number(index) || !number(count) || std::stoul(index) >= std::stoul(count)) {
    return Error{Code::kInvalidArgument, "expected I/N with I from 0 to N - 1, or auto, got " + where};
  }
  return Shard{std::stoul(index), std::stoul(count)};
}

}  // namespace

Result<Shard> ParseShard(const std::string& text) {
  if (text != "auto") {
    const size_t slash = text.find('/');
    if (slash == std::string::npos) return MakeShard("\"" + text + "\"", "", "");
    return MakeShard("\"" + text + "\"", text.substr(0, slash), text.substr(slash + 1));
  }
  for (const auto& [rank, size] : kLaunchers) {
    const char* const index = std::getenv(rank);
    const char* const count = std::getenv(size);
    if (index == nullptr || count == nullptr) continue;
    return MakeShard(std::string(rank) + "=" + index + " and " + size + "=" + count, index, count);
  }
  return Error{Code::kInvalidArgument,
               "auto finds no rank in the environment of torchrun, Open MPI or Slurm, name it as I/N"};
}

Result<double> ParseDuration(const std::string& text) {
  const auto bad = [&text] {
    return Error{Code::kInvalidArgument, "expected a time such as 90s, 30m or 1h30m, got \"" + text + "\""};
  };
  double seconds = 0;
  size_t position = 0;
  while (position < text.size()) {
    size_t digits = 0;
    while (position + digits < text.size() && text[position + digits] >= '0' && text[position + digits] <= '9')
      ++digits;
    if (digits == 0 || digits > 6) return bad();
    const double number = std::stod(text.substr(position, digits));
    position += digits;
    const char unit = position < text.size() ? text[position++] : 's';
    if (unit != 'h' && unit != 'm' && unit != 's') return bad();
    seconds += number * (unit == 'h' ? 3600 : unit == 'm' ? 60 : 1);
  }
  if (seconds <= 0) return bad();
  return seconds;
}

}  // namespace kitsink
