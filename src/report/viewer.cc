// Writes pairs in pictures, and the script that turns them into a viewer.

#include "report/viewer.h"

#include "report/html.h"
#include "report/palette.h"

namespace kitsink {
namespace {

constexpr int kDigits = 8;  // as in FormatScore

// Its state is a pair, a zoom, and the middle of the zoom window in shares of a picture's width and height.
constexpr std::string_view kScript = R"js((() => {
  const viewer = document.getElementById("viewer");
  const pairs = [...viewer.querySelectorAll(".shown")];
  const tools = viewer.querySelector(".tools");
  const choice = tools.querySelector("select");
  const level = tools.querySelector("output");
  const most = 32;
  let at = 0, zoom = 1, x = 0.5, y = 0.5;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  const draw = () => {
    zoom = clamp(zoom, 1, most);
    x = clamp(x, 0.5 / zoom, 1 - 0.5 / zoom);
    y = clamp(y, 0.5 / zoom, 1 - 0.5 / zoom);
    pairs.forEach((pair, i) => { pair.hidden = i !== at; });
    for (const image of pairs[at].querySelectorAll("img")) {
      image.style.transform =
          `translate(${100 * (0.5 - x * zoom)}%, ${100 * (0.5 - y * zoom)}%) scale(${zoom})`;
    }
    viewer.classList.toggle("zoomed", zoom > 1);
    choice.selectedIndex = at;
    level.textContent = `${Number(zoom.toFixed(2))}\u00d7`;
  };
  const update = () => {
    draw();
    const place = `#pair=${pairs[at].dataset.pair}` + (zoom > 1 ?
        `&zoom=${Number(zoom.toFixed(3))}&x=${Number(x.toFixed(4))}&y=${Number(y.toFixed(4))}` : "");
    try { history.replaceState(null, "", place); } catch { /* a frame without a history of its own */ }
  };
  const read = () => {
    const place = new URLSearchParams(location.hash.slice(1));
    const number = (name, fallback) => {
      const value = Number.parseFloat(place.get(name));
      return Number.isFinite(value) ? value : fallback;
    };
    const found = pairs.findIndex((pair) => pair.dataset.pair === place.get("pair"));
    if (found !== -1) at = found;
    zoom = number("zoom", 1);
    x = number("x", 0.5);
    y = number("y", 0.5);
    draw();
    if (found !== -1) viewer.scrollIntoView();
  };

  // Keeps what lies under the point (px, py) of a pane, in shares of it, where it is.
  const zoomBy = (factor, px = 0.5, py = 0.5) => {
    const next = clamp(zoom * factor, 1, most);
    x += (px - 0.5) * (1 / zoom - 1 / next);
    y += (py - 0.5) * (1 / zoom - 1 / next);
    zoom = next;
    update();
  };
  const move = (dx, dy) => { x += dx / zoom; y += dy / zoom; update(); };
  const turn = (by) => { at = (at + by + pairs.length) % pairs.length; update(); };
  const actions = {
    next: () => turn(1), previous: () => turn(-1), in: () => zoomBy(2), out: () => zoomBy(0.5),
    whole: () => { zoom = 1; update(); },
  };
  const keys = {
    "n": actions.next, "p": actions.previous, "+": actions.in, "=": actions.in, "-": actions.out, "0": actions.whole,
    "ArrowLeft": () => move(-0.125, 0), "ArrowRight": () => move(0.125, 0),
    "ArrowUp": () => move(0, -0.125), "ArrowDown": () => move(0, 0.125),
  };
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target === choice) return;
    if (!Object.hasOwn(keys, event.key) || (event.key.startsWith("Arrow") && zoom === 1)) return;
    keys[event.key]();
    event.preventDefault();
  });
  choice.addEventListener("change", () => { at = choice.selectedIndex; update(); });
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }

  const held = new Map();  // pointers that are down, by id
  const placeOf = (pane, event) => {
    const box = pane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  for (const pane of viewer.querySelectorAll(".pane")) {
    pane.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      held.set(event.pointerId, placeOf(pane, event));
      pane.setPointerCapture(event.pointerId);
      viewer.focus({preventScroll: true});
      event.preventDefault();
    });
    pane.addEventListener("pointermove", (event) => {
      const [px, py] = placeOf(pane, event);
      viewer.style.setProperty("--px", `${100 * px}%`);
      viewer.style.setProperty("--py", `${100 * py}%`);
      viewer.classList.toggle("pointing", held.size === 0);
      const last = held.get(event.pointerId);
      if (last === undefined) return;
      held.set(event.pointerId, [px, py]);
      const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
      if (other === undefined) {
        move(last[0] - px, last[1] - py);
      } else {
        const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
        zoomBy(Math.max(apart([px, py]), 0.01) / Math.max(apart(last), 0.01), (px + other[0]) / 2, (py + other[1]) / 2);
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      pane.addEventListener(end, (event) => { held.delete(event.pointerId); });
    }
    pane.addEventListener("pointerleave", () => { viewer.classList.remove("pointing"); });
    pane.addEventListener("dblclick", (event) => { zoomBy(event.shiftKey ? 0.5 : 2, ...placeOf(pane, event)); });
    pane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      zoomBy(2 ** (-event.deltaY / 200), ...placeOf(pane, event));
      event.preventDefault();
    }, {passive: false});
  }
  tools.hidden = tools.nextElementSibling.hidden = false;
  addEventListener("hashchange", read);
  read();
})();)js";

std::string Button(const char* action, const char* label, const char* title) {
  return std::string("<button type=\"button\" data-action=\"") + action + "\" title=\"" + title + "\" aria-label=\"" +
         title + "\">" + label + "</button>";
}

std::string Picture(uint64_t pair, const char* name, const std::string& uri) {
  return "<figure><div class=\"pane\"><img alt=\"pair " + std::to_string(pair) + ", " + name + "\" src=\"" +
         EscapeHtml(uri) + "\"></div><figcaption>" + name + "</figcaption></figure>";
}

std::string DrawPair(const PagePair& pair, const PairDistortion& distortion) {
  const uint64_t i = pair.index;
  return "<div class=\"shown\" data-pair=\"" + std::to_string(i) + "\"><p><b>pair " + std::to_string(i) + "</b>, " +
         EscapeHtml(pair.why) + ": seg " + FormatFixed(double{distortion.seg}, kDigits) + ", pose " +
         FormatFixed(double{distortion.pose}, kDigits) + "; adds about " + FormatFixed(pair.share, 6) +
         " to the score</p><div class=\"pair\">" + Picture(i, "original f0", pair.original_f0) +
         Picture(i, "inflated f0", pair.inflated_f0) + Picture(i, "original f1", pair.original_f1) +
         Picture(i, "inflated f1", pair.inflated_f1) +
         Picture(i, "class map of the original f1", pair.original_classes) +
         Picture(i, "class map of the inflated f1", pair.inflated_classes) + "</div></div>\n";
}

}  // namespace

std::string_view ViewerScript() { return kScript; }

std::vector<Colour> PairPalette() {
  std::vector<Colour> palette;
  for (const ClassColour& entry : kClassColours) palette.push_back(entry.colour);
  for (const ClassColour& entry : kClassColours) {
    Colour& pale = palette.emplace_back();
    for (size_t i = 0; i < pale.size(); ++i) pale[i] = static_cast<uint8_t>((3 * entry.colour[i] + 7 * 255) / 10);
  }
  return palette;
}

std::string DrawLegend(size_t num_classes, const std::string& more) {
  const std::vector<Colour> palette = MapPalette();
  std::string html = "<p class=\"soft\" id=\"legend\">Class maps:";
  for (size_t id = 0; id < num_classes; ++id) {
    html += " <span class=\"class\"><span class=\"key\" style=\"background:" + CssOf(palette[id]) + "\"></span>" +
            ClassName(id, num_classes) + "</span>";
  }
  return html + more + "</p>";
}

std::string DrawPairs(const RunPage& page) {
  std::string html;
  for (const std::string& note : page.notes) html += Warning(note);
  if (page.pairs.empty()) return html;
  std::string choices, shown;
  for (const PagePair& pair : page.pairs) {
    choices += "<option>pair " + std::to_string(pair.index) + ", " + EscapeHtml(pair.why) + "</option>";
    shown += DrawPair(pair, page.score.pairs.at(pair.index - page.score.first_pair));
  }
  html +=
      "<section id=\"viewer\" tabindex=\"0\" aria-label=\"pairs in pictures\" style=\"--shape:" +
      std::to_string(page.frame_size.width) + "/" + std::to_string(page.frame_size.height) +
      "\"><div class=\"tools\" hidden>" + Button("previous", "&#8249;", "previous pair (p)") +
      "<select aria-label=\"pair\">" + choices + "</select>" + Button("next", "&#8250;", "next pair (n)") +
      "<span class=\"gap\"></span>" + Button("out", "&minus;", "zoom out (-)") + "<output>1&times;</output>" +
      Button("in", "+", "zoom in (+)") + Button("whole", "whole", "whole picture (0)") +
      "</div><p class=\"soft\" hidden>Drag or arrow keys move, double click or Ctrl and wheel zoom; keys + - 0 n p. "
      "The address keeps the place.</p>\n" +
      shown + "</section>";
  return html + DrawLegend(kNumClasses, " In the inflated map, pale where its class is the original&#39;s.");
}

}  // namespace kitsink
