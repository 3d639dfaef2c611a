// The script of all pages: charts, the browser's zone on times, and the notice of a lost connection.
(() => {
  "use strict";

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // draw makes a chart of stacked bars of the data behind its element.
  function draw(box) {
    const data = JSON.parse(box.nextElementSibling.textContent);
    const days = data.days.map((d) => Date.parse(d + "T00:00:00Z") / 1000);
    const sums = days.map(() => 0);
    const stacked = data.series.map((s) => s.amounts.map((a, i) => (sums[i] += Number(a || 0))));
    const bars = uPlot.paths.bars({ size: [0.8, 60] });
    const series = data.series.map((s, i) => ({
      label: s.name, fill: style("--s" + (i % 6 + 1)), stroke: style("--s" + (i % 6 + 1)), width: 0, paths: bars,
      points: { show: false }, value: (u, v, n, at) => (at == null ? "" : s.amounts[at] || "0"),
    })).reverse();
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    box.textContent = "";
    const chart = new uPlot({
      width: box.clientWidth - 24, height: 240, cursor: { drag: { x: false, y: false } },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
      scales: { x: { range: (u, min, max) => [min - 43200, max + 43200] } },
      axes: [axis, { ...axis, size: 70, values: (u, all) => all.map((v) => v.toLocaleString("en")) }],
      series: [{ label: "day", value: (u, v) => (v == null ? "" : new Date(v * 1e3).toISOString().slice(0, 10)) }, ...series],
    }, [days, ...stacked.slice().reverse()], box);
    return () => chart.setSize({ width: box.clientWidth - 24, height: 240 });
  }

  const redraw = [];
  function dress(root) {
    root.querySelectorAll("[data-chart]").forEach((box) => redraw.push(draw(box)));
    root.querySelectorAll("time").forEach((at) => {
      at.title = new Date(at.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    });
  }

  document.addEventListener("DOMContentLoaded", () => dress(document));
  document.addEventListener("htmx:after:swap", (e) => dress(e.target instanceof Element ? e.target : document));
  addEventListener("resize", () => redraw.forEach((f) => f()));
  const lost = (is) => { document.getElementById("lost").hidden = !is; };
  addEventListener("offline", () => lost(true));
  addEventListener("online", () => lost(false));
})();
