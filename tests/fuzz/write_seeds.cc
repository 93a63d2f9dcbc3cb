// Writes the seeds of every target as FOLDER/TARGET/seed_N.
// usage: write_seeds FOLDER

#include <cstdio>
#include <filesystem>

#include "fuzz/fuzz_targets.h"
#include "kitsink/file.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_seeds FOLDER\n");
    return 2;
  }
  for (const kitsink::fuzz::Target& target : kitsink::fuzz::Targets()) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / target.name;
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const kitsink::Bytes& seed : target.seeds()) {
      const kitsink::Status written =
          kitsink::WriteFile(folder / ("seed_" + std::to_string(number++)), seed, kitsink::Overwrite::kAllow);
      if (!written.ok()) {
        std::fprintf(stderr, "write_seeds: %s\n", written.error().message.c_str());
        return 1;
      }
    }
    std::printf("%s: %d seeds\n", target.name.c_str(), number);
  }
  return 0;
}
