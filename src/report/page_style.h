#pragma once
// The pages' style sheet: one column, scrolling wide tables, light or dark like the reader's system.

namespace kitsink {

inline constexpr const char* kPageStyle = R"css(
:root{color-scheme:light dark;--paper:#fbfbf8;--ink:#1d2126;--soft:#5b646e;--line:#d8dbd6;--card:#fff;
--c0:#2f6db5;--c1:#d9822b;--c2:#3f9460;--c3:#8d5fb0;--c4:#b8494f;--c5:#7b8794;--faint:#c3cad2}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e4e7ea;--soft:#98a2ad;--line:#343a41;--card:#1b1f24;
--c0:#6ba6ea;--c1:#eda35c;--c2:#6cc28d;--c3:#b98ddb;--c4:#e27d82;--c5:#9aa6b3;--faint:#48515c}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.2rem;max-width:75rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.35rem;margin:0 0 .3rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.4rem 0 .3rem}
h2{overflow-wrap:anywhere;font-size:1.1rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
.total{font-size:2.6rem;font-weight:650;line-height:1.1;font-variant-numeric:tabular-nums}
.soft,figcaption span,.axis{color:var(--soft);font-size:.86rem}
.warn{border-left:4px solid var(--c1);padding:.3rem .8rem;background:var(--card)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{text-align:right;padding:.22rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child,td.text{text-align:left}
table:has(td.text) th:last-child{text-align:left}
td.text{white-space:normal;min-width:14rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0;font-size:.92rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:.8rem 0}
.bar{display:flex;height:1.7rem;border-radius:4px;overflow:hidden;margin:.4rem 0}
.key{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.5rem}
.key{outline:1px solid var(--line)}.class{display:inline-block;margin:0 .9rem 0 .3rem}
.axis{display:flex;justify-content:space-between}
svg{display:block;width:100%;background:var(--card);border:1px solid var(--line)}
svg.timeline{height:8.5rem}
figure.scatter{max-width:44rem}svg.scatter{height:auto;overflow:visible}
.plot{position:relative;margin:.2rem 0 1.6rem}
.tick{position:absolute;left:.3rem;transform:translateY(-100%);color:var(--soft);font-size:.78rem;
font-variant-numeric:tabular-nums;pointer-events:none}
.tick.under{top:100%;transform:translateX(-50%)}
.grid{stroke:var(--line);vector-effect:non-scaling-stroke}.zero{stroke:var(--soft);vector-effect:non-scaling-stroke}
div.c0,span.c0{background:var(--c0)}div.c1,span.c1{background:var(--c1)}div.c2,span.c2{background:var(--c2)}
div.c3,span.c3{background:var(--c3)}div.c4,span.c4{background:var(--c4)}div.c5,span.c5{background:var(--c5)}
rect.c0{fill:var(--c0)}rect.c1{fill:var(--c1)}rect.faint{fill:var(--faint)}
.mean{stroke:var(--ink);opacity:.7;stroke-width:1.5px;stroke-dasharray:5 4;vector-effect:non-scaling-stroke}
.dot{fill:var(--card);stroke:var(--c5);stroke-width:2}.dot.promoted{fill:var(--c0);stroke:var(--c0)}
.dot.now{fill:var(--c1);stroke:var(--ink)}
.front{fill:none;stroke:var(--c0);stroke-width:1.5;opacity:.6}
#viewer{outline-offset:.4rem}#viewer:focus:not(:focus-visible){outline:none}
.tools{display:flex;flex-wrap:wrap;gap:.35rem;align-items:center;position:sticky;top:0;z-index:1;
background:var(--paper);padding:.35rem 0}
.tools[hidden],.shown[hidden]{display:none}
.tools button,.tools select{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);
border-radius:4px;padding:.15rem .65rem;min-height:2.1rem;max-width:100%}
.tools output{min-width:3rem;text-align:center;font-variant-numeric:tabular-nums}.gap{width:.6rem}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.5rem}
@media (min-width:60rem){.pair{grid-auto-flow:column;grid-template:auto auto/repeat(3,1fr)}}
.shown p{margin:.4rem 0;font-variant-numeric:tabular-nums}
.pair figure,.maps figure{margin:0;min-width:0}.pair figcaption,.maps figcaption{color:var(--soft);font-size:.8rem}
.pane{position:relative;overflow:hidden;aspect-ratio:var(--shape);background:var(--card);cursor:crosshair;
touch-action:pan-y;user-select:none}
.pane img{width:100%;height:100%;display:block;transform-origin:0 0}
.zoomed .pane{touch-action:none}.zoomed .pane img{image-rendering:pixelated}
.pointing .pane::after{content:"";position:absolute;left:var(--px);top:var(--py);width:12px;height:12px;
margin:-6px 0 0 -6px;border:2px solid #fff;border-radius:50%;outline:1px solid #000;pointer-events:none}
.maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.2rem,1fr));gap:.5rem;grid-auto-flow:dense}
.maps img{width:100%;display:block}.maps figure{cursor:zoom-in}
.maps figure:focus{grid-column:span 3;grid-row:span 3;cursor:auto}.maps figure:focus img{image-rendering:pixelated}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th[aria-sort=ascending] button::after{content:" \25b4"}th[aria-sort=descending] button::after{content:" \25be"}
a{color:var(--c0)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 1.5rem}
.charts figure{max-width:none;min-width:0}
details{margin:.8rem 0}pre{overflow:auto;max-height:24rem;font-size:.78rem;background:var(--card);padding:.6rem}
@media (max-width:30rem){.pair{gap:.25rem}.maps{grid-template-columns:repeat(3,1fr);gap:.3rem}
.maps figcaption{font-size:.66rem}
.tools select{max-width:6.8rem}.tools button,.tools select{padding:.15rem .45rem}.tools output{min-width:2.3rem}
.tools .gap{display:none}
body{padding:.8rem}dl{grid-template-columns:1fr}dt{margin-top:.3rem}
th,td{padding:.2rem .45rem;font-size:.84rem}.total{font-size:2.1rem}}
)css";

}  // namespace kitsink
