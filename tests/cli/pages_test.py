"""Opens the pages in a real Chromium and uses them as a reader does. usage: pages_test.py CHROMIUM FOLDER [SHOTS]

FOLDER holds run.html (of 3 pairs or more), archive.html and ledger.html. Screenshots go to SHOTS when it is given.
"""

import math
import pathlib
import sys

from chromium import Chromium

SIZES = {"wide": (1280, 900), "narrow": (400, 800)}
# The pair that is shown, its transforms, and the zoom that the page tells.
STATE = """(() => {
  const shown = [...document.querySelectorAll(".shown")].filter((pair) => !pair.hidden);
  const images = [...shown[0].querySelectorAll("img")];
  return {pairs: shown.map((pair) => pair.dataset.pair), hash: location.hash,
          transforms: [...new Set(images.map((image) => getComputedStyle(image).transform))],
          width: images[0].offsetWidth, height: images[0].offsetHeight, count: images.length,
          loaded: images.every((image) => image.complete && image.naturalWidth > 0),
          zoom: document.querySelector(".tools output").textContent};
})()"""


def check(condition, what, state=""):
    if not condition:
        sys.exit(f"pages: {what}: {state}")


def near(a, b, tolerance=0.02):
    return math.isclose(a, b, abs_tol=tolerance)


def window(state):
    """(zoom, x, y) of the window that all panes share, from their one common transform."""
    check(len(state["transforms"]) == 1, "the panes show different windows", state)
    text = state["transforms"][0]
    if text == "none":
        return 1, 0.5, 0.5
    a, b, c, d, e, f = (float(number) for number in text[7:-1].split(","))
    check(a == d and b == c == 0, "the pictures are distorted", state)
    return a, (0.5 - e / state["width"]) / a, (0.5 - f / state["height"]) / a


def expect(browser, what, pair=None, place=None):
    state = browser.run(STATE)
    check(len(state["pairs"]) == 1 and state["count"] == 6 and state["loaded"], f"{what}: not one pair of six pictures", state)
    if pair is not None:
        check(state["pairs"][0] == pair, f"{what}: expected pair {pair}", state)
        check(state["hash"].startswith(f"#pair={pair}"), f"{what}: the address lacks the pair", state)
    if place is not None:
        got = window(state)
        check(all(near(g, p) for g, p in zip(got, place)), f"{what}: expected the window {place}, got {got}", state)
        check(state["zoom"] == f"{place[0]:g}\u00d7", f"{what}: told another zoom", state)
    return state


def check_fit(browser, name):
    """Nothing is wider than the window, apart from what scrolls by itself."""
    width, inner = browser.run("[document.documentElement.scrollWidth, innerWidth]")
    check(width <= inner, f"{name}: {width} pixels wide in a window of {inner}")
    check(not browser.problems(), name, browser.problems())


def use_keyboard(browser, pairs):
    browser.run('document.getElementById("viewer").focus()')
    browser.key("n")
    expect(browser, "n", pairs[1], (1, 0.5, 0.5))
    browser.key("p")
    browser.key("p")
    expect(browser, "p twice", pairs[-1])
    browser.key("ArrowLeft")  # scrolls the page, because the whole picture is shown
    expect(browser, "an arrow without zoom", pairs[-1], (1, 0.5, 0.5))
    browser.key("+")
    browser.key("+")
    expect(browser, "+ twice", pairs[-1], (4, 0.5, 0.5))
    browser.key("ArrowLeft")
    browser.key("ArrowDown")
    expect(browser, "arrows", pairs[-1], (4, 0.5 - 0.03125, 0.5 + 0.03125))
    browser.key("n")
    state = expect(browser, "n keeps the window", pairs[0], (4, 0.5 - 0.03125, 0.5 + 0.03125))
    check("&zoom=4&x=0.4688&y=0.5313" in state["hash"], "the address lacks the window", state)
    for _ in range(40):
        browser.key("ArrowLeft")
    expect(browser, "the left edge", pairs[0], (4, 0.125, 0.53125))
    browser.key("-")
    expect(browser, "-", pairs[0], (2, 0.25, 0.53125))
    browser.key("0")
    expect(browser, "0", pairs[0], (1, 0.5, 0.5))


def pane_box(browser):
    return browser.run("""(() => {
      const pane = document.querySelector(".shown:not([hidden]) .pane");
      pane.scrollIntoView({block: "center"});
      const box = pane.getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    })()""")


def use_pointer(browser, pairs):
    left, top, width, height = pane_box(browser)
    x, y = left + 0.75 * width, top + 0.25 * height
    for count in (1, 2):
        browser.mouse("mousePressed", x, y, button="left", clickCount=count)
        browser.mouse("mouseReleased", x, y, button="left", clickCount=count)
    expect(browser, "double click", pairs[0], (2, 0.625, 0.375))  # what was under the pointer is still there
    browser.mouse("mousePressed", x, y, button="left", clickCount=1)
    browser.mouse("mouseMoved", x - 0.25 * width, y + 0.125 * height, button="left", buttons=1)
    browser.mouse("mouseReleased", x - 0.25 * width, y + 0.125 * height, button="left", clickCount=1)
    expect(browser, "drag", pairs[0], (2, 0.75, 0.3125))
    browser.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-200, modifiers=2)
    expect(browser, "Ctrl and wheel", pairs[0], (4, 0.75, 0.3125))
    browser.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=200)
    expect(browser, "a wheel alone scrolls", pairs[0], (4, 0.75, 0.3125))
    browser.run('document.querySelector("[data-action=whole]").click()')
    expect(browser, "button", pairs[0], (1, 0.5, 0.5))
    browser.run("""(() => { const choice = document.querySelector(".tools select");
      choice.selectedIndex = 2; choice.dispatchEvent(new Event("change")); })()""")
    expect(browser, "choice", pairs[2])


def use_touch(browser, pairs):
    left, top, width, height = pane_box(browser)

    def touch(kind, *places):
        points = [{"x": left + x * width, "y": top + y * height, "id": i} for i, (x, y) in enumerate(places)]
        browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    touch("touchStart", (0.4, 0.5))
    touch("touchStart", (0.4, 0.5), (0.6, 0.5))
    touch("touchMove", (0.3, 0.5), (0.6, 0.5))
    touch("touchMove", (0.3, 0.5), (0.7, 0.5))
    touch("touchEnd")
    zoom = window(expect(browser, "pinch", pairs[0]))[0]
    check(near(zoom, 2, 0.05), f"pinch: zoom {zoom}")


def check_viewer(browser, url, pairs, size):
    browser.open(url, *size)
    expect(browser, "opened")
    check(browser.run('!document.querySelector(".tools").hidden'), "the script did not run")
    use_keyboard(browser, pairs)
    use_pointer(browser, pairs)
    # A link to a place, one to a place that is none, and a change of the address.
    browser.open(f"{url}#pair={pairs[1]}&zoom=3&x=0.4&y=0.6", *size)
    expect(browser, "link", pairs[1], (3, 0.4, 0.6))
    browser.run(f'location.hash = "#pair={pairs[0]}&zoom=2&x=9&y=-9"')
    browser.run("new Promise((done) => setTimeout(done, 50))")
    expect(browser, "a place outside", pairs[0], (2, 0.75, 0.25))
    browser.open(f"{url}#pair=99999&zoom=nonsense", *size)
    expect(browser, "a link to nowhere", None, (1, 0.5, 0.5))
    # The policy blocks scripts that are not the page's own.
    browser.run('document.body.append(Object.assign(document.createElement("script"), {textContent: "window.alien = 1"}))')
    check(browser.run("window.alien === undefined"), "another script ran")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    shots = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    browser = Chromium(program, folder / "profile")
    try:
        run = (folder / "run.html").as_uri()
        browser.open(run, *SIZES["wide"])
        pairs = browser.run('[...document.querySelectorAll(".shown")].map((pair) => pair.dataset.pair)')
        check(len(pairs) >= 3, "fewer than three pairs", pairs)
        for size in SIZES.values():
            check_viewer(browser, run, pairs, size)
        browser.open(run, *SIZES["narrow"])
        use_touch(browser, pairs)
        for name in ("run", "archive", "ledger"):
            for width, size in SIZES.items():
                for scheme in ("light", "dark"):
                    browser.open((folder / f"{name}.html").as_uri(), *size, dark=scheme == "dark")
                    check_fit(browser, f"{name}, {width}")
                    if shots:
                        browser.screenshot(shots / f"{name}-{width}-{scheme}.png")
        browser.open((folder / "ledger.html").as_uri(), *SIZES["wide"])
        for order in ([1, 2], [2, 1]):  # a click on the head of a column sorts by it, another turns the order
            browser.run('document.querySelector("table.sortable th button").click()')
            lines = browser.run('[...document.querySelectorAll("table.sortable tbody tr")].map((row) => +row.cells[0].textContent)')
            check(lines == order, "the table is not sorted", lines)
        browser.open((folder / "archive.html").as_uri(), *SIZES["wide"])
        before = browser.run('document.querySelector(".maps figure").offsetWidth')
        browser.run('document.querySelector(".maps figure").focus()')
        after = browser.run('document.querySelector(".maps figure").offsetWidth')
        check(after > 2 * before, "a map does not grow", (before, after))
    finally:
        browser.close()
    print("pages: all three work in Chromium")


if __name__ == "__main__":
    main()
