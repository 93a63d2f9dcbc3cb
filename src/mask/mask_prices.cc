// The public face of the pricer: checks, the model between maps, and threads.

#include "kitsink/mask_prices.h"

#include <algorithm>
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
  Motion MotionTo(size_t map, const MapTables& previous, const Motion& last) const {
    return map == 0 ? last : FindMotion(clip.map(map).data(), previous, last);
  }
  void CodeMap() {
    const uint8_t* ids = clip.map(position).data();
    motion = MotionTo(position, model.map(), motion);
    model.StartMap();
    model.CodeMotion(motion);
    model.CodeMap(ids);
    ++position;
  }
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
    state_->CodeMap();
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
  PricedMap priced{state.clip.map(map).data(), nullptr, {}, {}, state.options.rows};
  priced.motion = state.MotionTo(map, state.model.map(), state.motion);
  if (map + 1 < state.clip.count) {
    priced.next_ids = state.clip.map(map + 1).data();
    MapTables tables = state.model.map();
    FillMap(priced.ids, state.model.map(), tables);
    priced.next_motion = state.MotionTo(map + 1, tables, priced.motion);
  }
  // Thread w prices every threads-th candidate, with a copy of the model.
  const size_t threads = std::min(static_cast<size_t>(state.options.threads), candidates.size());
  KIT_TRY(RunAtOnce(threads, static_cast<int>(threads), [&](size_t, size_t worker) {
    std::vector<Candidate> share;
    for (size_t i = worker; i < candidates.size(); i += threads) share.push_back({candidates[i], &prices[i]});
    MapModel model = state.model;
    PriceCandidates(model, priced, share);
    return Ok();
  }));
  return prices;
}

}  // namespace kitsink
