// Measures what each part of the class-map coder gains: codes a raw clip with models of rising complexity and prints a
// row for each. "Ideal" rows are code lengths; the others are sizes of whole streams without their 16-byte header.
//
//   mask_ablation FILE.u8 WIDTH HEIGHT CLASSES MAPS

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "mask/ctw_coder.h"
#include "mask/map_coder.h"
#include "mask/motion_search.h"

namespace {

using kitsink::BinaryEncoder;
using kitsink::CtwShape;
using kitsink::LevelShape;
using kitsink::Motion;

struct Clip {
  int width, height, num_classes, count;
  std::vector<uint8_t> ids;
  const uint8_t* map(int t) const {
    return ids.data() + static_cast<size_t>(t) * static_cast<size_t>(width) * static_cast<size_t>(height);
  }
  // Ids outside the clip are 0.
  uint8_t At(int t, int y, int x) const {
    if (t < 0 || y < 0 || x < 0 || x >= width || y >= height) return 0;
    return map(t)[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)];
  }
};

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void PrintRow(const std::string& name, double bytes, double seconds) {
  std::printf("| %s | %.0f | %.1f |\n", name.c_str(), bytes, seconds);
  std::fflush(stdout);
}

// Neighbours of a pixel, as (map, row, column) relative to it. A context of order n is the first n of them.
struct Offset {
  int dt, dy, dx;
};
constexpr Offset kNeighbours[] = {{0, 0, -1}, {0, -1, 0}, {-1, 0, 0}, {0, -1, 1},  {0, -1, -1}, {-1, 0, 1},
                                  {-1, 1, 0}, {0, -2, 0}, {0, 0, -2}, {-1, -1, 0}, {-1, 0, -1}, {0, -1, 2}};
constexpr int kMaxOrder = static_cast<int>(std::size(kNeighbours));

// Context-tree weighting (Willems, Shtarkov, Tjalkens 1995) of binary decisions. Each node holds a Krichevsky-Trofimov
// estimator and mixes it, with equal prior weights, with its child. With `weighted` false only the deepest node counts,
// which is a single context of that order.
class ContextTrees {
 public:
  ContextTrees(int order, bool weighted) : order_(order), weighted_(weighted), nodes_(size_t{1} << kTableBits) {}

  // Codes one decision in the context of `cells`, and returns its cost in bits.
  double Code(int bit, uint64_t decision, const uint8_t* cells) {
    Node* path[kMaxOrder + 1];
    uint64_t hash = decision + 1;
    for (int depth = 0; depth <= order_; ++depth) {
      if (depth > 0) hash = (hash ^ cells[depth - 1]) * 0x9e3779b97f4a7c15U + static_cast<uint64_t>(depth);
      path[depth] = &Find(hash);
    }
    double below[kMaxOrder + 1] = {};  // P(one) of the mixture at this depth and below
    for (int depth = order_; depth >= 0; --depth) {
      const Node& node = *path[depth];
      const double here = (node.ones + 0.5) / (node.ones + node.zeros + 1);
      const bool leaf = depth == order_;
      below[depth] = leaf        ? here
                     : weighted_ ? (node.ratio * here + below[depth + 1]) / (node.ratio + 1)
                                 : below[depth + 1];
    }
    const double cost = -std::log2(bit != 0 ? below[0] : 1 - below[0]);
    for (int depth = 0; depth <= order_; ++depth) {
      Node& node = *path[depth];
      if (depth < order_) {
        const double here = (node.ones + 0.5) / (node.ones + node.zeros + 1);
        const double change = bit != 0 ? here / below[depth + 1] : (1 - here) / (1 - below[depth + 1]);
        node.ratio = std::clamp(node.ratio * change, 1e-30, 1e30);
      }
      ++(bit != 0 ? node.ones : node.zeros);
    }
    return cost;
  }

 private:
  static constexpr int kTableBits = 23;
  struct Node {
    uint64_t key = 0;
    double ratio = 1;  // weight of this node over weight of its child, after all decisions so far
    float ones = 0, zeros = 0;
  };
  Node& Find(uint64_t hash) {
    size_t at = hash * 0xd6e8feb86659fd93U >> (64 - kTableBits);
    while (nodes_[at].key != 0 && nodes_[at].key != hash) at = (at + 1) & (nodes_.size() - 1);
    nodes_[at].key = hash;
    return nodes_[at];
  }
  int order_;
  bool weighted_;
  std::vector<Node> nodes_;
};

// Codes every pixel by decisions "is it this class?", first for its neighbours' classes, then for the others.
double IdealBytes(const Clip& clip, int order, bool weighted) {
  ContextTrees trees(order, weighted);
  double bits = 0;
  for (int t = 0; t < clip.count; ++t) {
    for (int y = 0; y < clip.height; ++y) {
      for (int x = 0; x < clip.width; ++x) {
        uint8_t cells[kMaxOrder];
        for (int i = 0; i < kMaxOrder; ++i)
          cells[i] = clip.At(t + kNeighbours[i].dt, y + kNeighbours[i].dy, x + kNeighbours[i].dx);
        const int actual = clip.At(t, y, x);
        uint32_t seen = 0;
        int left = clip.num_classes;
        const auto settles = [&](int candidate) {
          if ((seen >> candidate & 1) != 0) return false;
          seen |= 1U << candidate;
          if (--left == 0) return true;
          bits += trees.Code(actual == candidate ? 1 : 0, seen * 16 + static_cast<uint32_t>(candidate), cells);
          return actual == candidate;
        };
        bool settled = false;
        for (int i = 0; i < std::min(order, 3) && !settled; ++i) settled = settles(cells[i]);
        for (int id = 0; id < clip.num_classes && !settled; ++id) settled = settles(id);
      }
    }
  }
  return bits / 8;
}

template <typename Coder>
double CodedBytes(const Clip& clip, const std::vector<Motion>& motions, Coder coder) {
  for (int t = 0; t < clip.count; ++t) {
    coder.StartMap();
    coder.CodeMotion(motions[static_cast<size_t>(t)]);
    coder.CodeMap(clip.map(t));
  }
  return static_cast<double>(coder.coder().Finish().size());
}
double MixedBytes(const Clip& clip, const LevelShape& shape, const std::vector<Motion>& motions) {
  return CodedBytes(
      clip, motions,
      kitsink::MapCoder<BinaryEncoder>({clip.width, clip.height, clip.num_classes, shape, clip.ids.size()}, {}));
}
double TreeBytes(const Clip& clip, const CtwShape& shape, const std::vector<Motion>& motions) {
  return CodedBytes(
      clip, motions,
      kitsink::CtwCoder<BinaryEncoder>({clip.width, clip.height, clip.num_classes, {}, clip.ids.size()}, shape, {}));
}

std::vector<Motion> FindMotions(const Clip& clip) {
  std::vector<Motion> motions;
  motions.push_back(kitsink::FindCamera(clip.ids, clip.width, clip.height, static_cast<size_t>(clip.count)));
  kitsink::MapTables previous(clip.width, clip.height, 0);
  for (int t = 1; t < clip.count; ++t) {
    for (int y = 0; y < clip.height; ++y)
      std::copy_n(clip.map(t - 1) + static_cast<ptrdiff_t>(y) * clip.width, clip.width, previous.ids.Row(y));
    motions.push_back(kitsink::FindMotion(clip.map(t), previous, motions.back()));
  }
  return motions;
}

// The mixing of version 1.
LevelShape Plain(int easy_contexts, int hard_contexts, int num_networks, int hidden) {
  return {easy_contexts, hard_contexts, hard_contexts > 24 ? 11 : 8, num_networks, hidden, 0, false};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: mask_ablation FILE.u8 WIDTH HEIGHT CLASSES MAPS\n", stderr);
    return 2;
  }
  Clip clip{std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]), std::atoi(argv[5]), {}};
  clip.ids.resize(static_cast<size_t>(clip.width) * static_cast<size_t>(clip.height) * static_cast<size_t>(clip.count));
  std::ifstream file(argv[1], std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(clip.ids.data()), static_cast<std::streamsize>(clip.ids.size()))) {
    std::fprintf(stderr, "%s: holds fewer than %d maps\n", argv[1], clip.count);
    return 1;
  }
  std::printf("| model | bytes | encode s |\n| --- | --- | --- |\n");
  const auto timed = [](const std::string& name, auto model) {
    const double start = Seconds();
    const double bytes = model();
    PrintRow(name, bytes, Seconds() - start);
  };
  for (const int order : {0, 1, 2, 3, 5, 7, 9, 12}) {
    timed("one context of order " + std::to_string(order) + ", ideal", [&] { return IdealBytes(clip, order, false); });
  }
  for (const int order : {5, 9, 12}) {
    timed("CTW to order " + std::to_string(order) + ", ideal", [&] { return IdealBytes(clip, order, true); });
  }
  const std::vector<Motion> still(static_cast<size_t>(clip.count));
  struct Step {
    const char* name;
    LevelShape shape;
  };
  for (const Step& step : {Step{"sure runs, 1 easy and 1 hard edge context", Plain(1, 1, 0, 0)},
                           Step{"4 easy and 4 hard contexts, mixed", Plain(4, 4, 0, 0)},
                           Step{"8 and 12", Plain(8, 12, 0, 0)}, Step{"8 and 24", Plain(8, 24, 0, 0)}}) {
    timed(step.name, [&] { return MixedBytes(clip, step.shape, still); });
  }
  const double start = Seconds();
  const std::vector<Motion> motions = FindMotions(clip);
  std::printf("| (search for motion) | | %.1f |\n", Seconds() - start);
  for (const Step& step :
       {Step{"8 and 24, ground motion (level 1 in one segment)", Plain(8, 24, 0, 0)},
        Step{"... and a net of 16", Plain(8, 24, 1, 16)},
        Step{"14 and 32 with template matching, net of 32", Plain(14, 32, 1, 32)},
        Step{"14 and 40, net of 32 (level 2)", kitsink::ShapeOfLevel(2, 1)},
        Step{"... without the net", Plain(14, 40, 0, 0)}, Step{"... net of 64", Plain(14, 40, 1, 64)},
        Step{"every pixel that is not sure is hard", Plain(0, 40, 1, 64)},
        Step{"two nets (level 3)", kitsink::ShapeOfLevel(3, 1)},
        Step{"level 1, version 2", kitsink::ShapeOfLevel(1, 2)},
        Step{"level 2, version 2", kitsink::ShapeOfLevel(2, 2)},
        Step{"level 3, version 2", kitsink::ShapeOfLevel(3, 2)}}) {
    timed(step.name, [&] { return MixedBytes(clip, step.shape, motions); });
  }
  // Two curves: mixing over the number of contexts, and context-tree weighting over depth and over the number of trees.
  for (const int contexts : {1, 2, 4, 8, 12, 16, 20}) {
    timed("8 and " + std::to_string(contexts) + ", ground motion",
          [&] { return MixedBytes(clip, Plain(8, contexts, 0, 0), motions); });
  }
  for (size_t depth = 0; depth <= 8; ++depth) {
    const std::string name = " of depth " + std::to_string(depth);
    timed("one context tree" + name, [&] { return TreeBytes(clip, {1, depth}, motions); });
    timed("five context trees" + name, [&] { return TreeBytes(clip, {5, depth}, motions); });
  }
  for (size_t trees = 2; trees < CtwShape::kMaxTrees; ++trees) {
    timed(std::to_string(trees) + " context trees", [&] { return TreeBytes(clip, {trees, 8}, motions); });
  }
  return 0;
}
