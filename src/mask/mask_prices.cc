// The public face of the pricer: checks, the model between maps, and threads.

#include "kitsink/mask_prices.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "kitsink/at_once.h"
#include "mask/edit_pricer.h"
#include "mask/head.h"
#include "mask/motion_search.h"
#include "mask/segments.h"

namespace kitsink {
namespace {

Error BadArgument(const std::string& message) { return Error{Code::kInvalidArgument, "mask: " + message}; }

Status CheckCandidate(const MaskClip& clip, const MapEdits& edits, const std::string& name) {
  if (edits.empty()) return BadArgument(name + " has no edits, expected at least one");
  for (const MapEdit& edit : edits) {
    if (edit.x >= clip.width || edit.y >= clip.height) {
      return BadArgument(name + ": pixel (" + std::to_string(edit.x) + ", " + std::to_string(edit.y) +
                         "), expected inside " + std::to_string(clip.width) + " x " + std::to_string(clip.height));
    }
    if (edit.id >= clip.num_classes) {
      return BadArgument(name + ": class id " + std::to_string(edit.id) + ", expected below " +
                         std::to_string(clip.num_classes));
    }
  }
  return Ok();
}

}  // namespace

struct EditPricer::State {
  State(const MaskClip& clip_in, const PriceOptions& options_in, const ClipShape& shape)
      : clip(clip_in),
        options(options_in),
        motion(FindCamera(clip.ids, shape.width, shape.height, clip.count)),
        model(shape, CodeLength()) {}

  // The motion to map `map` from the one before it, whose tables are `previous`; `last` is the motion to that one.
  static Motion MotionTo(size_t map, const uint8_t* ids, const MapTables& previous, const Motion& last) {
    return map == 0 ? last : FindMotion(ids, previous, last);
  }
  // Codes map `map` as EncodeMask() does.
  static void CodeMap(size_t map, const uint8_t* ids, Motion& motion, MapModel& model) {
    motion = MotionTo(map, ids, model.map(), motion);
    model.StartMap();
    model.CodeMotion(motion);
    model.CodeMap(ids);
  }
  // The code lengths of map `map` with these edits and of the map after it, motions included.
  std::array<int64_t, 2> Lengths(size_t map, const MapEdits& edits) const;
  Status PriceRows(size_t map, std::span<const MapEdits> candidates, std::span<EditPrice> prices) const;
  Status PriceAllRows(size_t map, std::span<const MapEdits> candidates, std::span<EditPrice> prices) const;

  // The caller may have changed them.
  Status CheckIds(size_t map) const {
    const Status checked = CheckClassIds(clip.map(map), clip.num_classes);
    return checked.ok() ? Ok() : Within("mask", Within("map " + std::to_string(map), checked.error()));
  }

  const MaskClip& clip;
  PriceOptions options;
  size_t position = 0;
  Motion motion;   // to the last coded map
  MapModel model;  // has coded the maps before `position`
};

std::array<int64_t, 2> EditPricer::State::Lengths(size_t map, const MapEdits& edits) const {
  std::vector<uint8_t> edited(clip.map(map).begin(), clip.map(map).end());
  for (const MapEdit& edit : edits) edited[size_t{edit.y} * clip.width + edit.x] = edit.id;
  MapModel edited_model = model;
  Motion edited_motion = motion;
  std::array<int64_t, 2> lengths{};
  for (size_t i = 0; i < lengths.size() && map + i < clip.count; ++i) {
    const int64_t before = edited_model.coder().total();
    CodeMap(map + i, i == 0 ? edited.data() : clip.map(map + i).data(), edited_motion, edited_model);
    lengths[i] = edited_model.coder().total() - before;
  }
  return lengths;
}

Status EditPricer::State::PriceAllRows(size_t map, std::span<const MapEdits> candidates,
                                       std::span<EditPrice> prices) const {
  const std::array<int64_t, 2> plain = Lengths(map, {});
  return RunAtOnce(candidates.size(), options.threads, [&](size_t, size_t i) {
    const std::array<int64_t, 2> lengths = Lengths(map, candidates[i]);
    prices[i] = {BitsOf(lengths[0] - plain[0]), BitsOf(lengths[1] - plain[1])};
    return Ok();
  });
}

Status EditPricer::State::PriceRows(size_t map, std::span<const MapEdits> candidates,
                                    std::span<EditPrice> prices) const {
  PricedMap priced{clip.map(map).data(), nullptr, {}, {}, options.rows};
  priced.motion = MotionTo(map, priced.ids, model.map(), motion);
  if (map + 1 < clip.count) {
    priced.next_ids = clip.map(map + 1).data();
    MapTables tables = model.map();
    FillMap(priced.ids, model.map(), tables);
    priced.next_motion = MotionTo(map + 1, priced.next_ids, tables, priced.motion);
  }
  // Thread w prices every threads-th candidate, with a copy of the model.
  const size_t threads = std::min(static_cast<size_t>(options.threads), candidates.size());
  return RunAtOnce(threads, static_cast<int>(threads), [&](size_t, size_t worker) {
    std::vector<Candidate> share;
    for (size_t i = worker; i < candidates.size(); i += threads) share.push_back({candidates[i], &prices[i]});
    MapModel worker_model = model;
    PriceCandidates(worker_model, priced, share);
    return Ok();
  });
}

EditPricer::EditPricer(std::unique_ptr<State> state) : state_(std::move(state)) {}
EditPricer::EditPricer(EditPricer&&) noexcept = default;
EditPricer& EditPricer::operator=(EditPricer&&) noexcept = default;
EditPricer::~EditPricer() = default;

Result<EditPricer> EditPricer::Create(const MaskClip& clip, const PriceOptions& options, const Limits& limits) {
  if (options.level < 1 || options.level >= kCtwLevel) {
    return BadArgument("level " + std::to_string(options.level) + ", expected 1, 2 or 3");
  }
  if (options.threads < 1) return BadArgument("threads " + std::to_string(options.threads) + ", expected 1 or more");
  if (options.rows < 0 && options.rows != kAllRows) {
    return BadArgument("rows " + std::to_string(options.rows) + ", expected 0 or more, or kAllRows");
  }
  const Result<MaskHead> head = HeadOf(clip, options.level, limits);
  if (!head.ok()) return Within("mask", head.error());
  return EditPricer(std::make_unique<State>(clip, options, ShapeOf(head.value())));
}

size_t EditPricer::position() const { return state_->position; }

Status EditPricer::AdvanceTo(size_t map) {
  if (map < state_->position || map >= state_->clip.count) {
    return BadArgument("map " + std::to_string(map) + ", expected " + std::to_string(state_->position) + " to " +
                       std::to_string(state_->clip.count - 1));
  }
  while (state_->position < map) {
    KIT_TRY(state_->CheckIds(state_->position));
    state_->CodeMap(state_->position, state_->clip.map(state_->position).data(), state_->motion, state_->model);
    ++state_->position;
  }
  return Ok();
}

Result<std::vector<EditPrice>> EditPricer::Price(size_t map, std::span<const MapEdits> candidates) {
  KIT_TRY(AdvanceTo(map));
  for (size_t i = map; i < map + 2 && i < state_->clip.count; ++i) KIT_TRY(state_->CheckIds(i));
  const State& state = *state_;
  std::vector<EditPrice> prices(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    KIT_TRY(CheckCandidate(state.clip, candidates[i], "candidate " + std::to_string(i)));
  }
  KIT_TRY(state.options.rows == kAllRows ? state.PriceAllRows(map, candidates, prices)
                                         : state.PriceRows(map, candidates, prices));
  return prices;
}

}  // namespace kitsink
