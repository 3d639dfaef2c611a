// The script of all pages: charts, the browser's zone on times, tables on phones, and live pages.
(() => {
  "use strict";

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const money = (exact, currency) => new Intl.NumberFormat("en-GB", { style: "currency", currency }).format(exact);
  const clock = (at) => at.toISOString().slice(11, 19) + " UTC";

  // draw makes a chart of stacked bars of the data behind its element.
  function draw(box) {
    const data = JSON.parse(box.nextElementSibling.textContent);
    const days = data.days.map((d) => Date.parse(d + "T00:00:00Z") / 1000);
    const sums = days.map(() => 0);
    const stacked = data.series.map((s) => s.amounts.map((a, i) => (sums[i] += Number(a || 0))));
    const bars = uPlot.paths.bars({ size: [0.8, 60] });
    const series = data.series.map((s, i) => ({
      label: s.name, fill: style("--s" + (i % 6 + 1)), stroke: style("--s" + (i % 6 + 1)), width: 0, paths: bars,
      points: { show: false }, value: (u, v, n, at) => (at == null ? "" : money(s.amounts[at] || "0", data.currency)),
    })).reverse();
    const day = { day: "numeric", month: "short", timeZone: "UTC" };
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line") } };
    box.textContent = "";
    return new uPlot({
      width: box.clientWidth - 24, height: 240, cursor: { drag: { x: false, y: false } },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "UTC"),
      scales: {
        x: { range: (u, min, max) => [min - 43200, max + 43200] },
        y: { range: (u, min, max) => [Math.min(0, min * 1.05), Math.max(0, max * 1.05) || 1] },
      },
      axes: [
        { ...axis, space: 56, incrs: [1, 2, 7, 14].map((n) => n * 86400),
          values: (u, all) => all.map((v) => new Date(v * 1e3).toLocaleDateString("en-GB", day)) },
        { ...axis, size: 64, values: (u, all) => all.map((v) => money(v, data.currency).replace(/\.00$/, "")) },
      ],
      series: [{ label: "day", value: (u, v) => (v == null ? "" : new Date(v * 1e3).toISOString().slice(0, 10)) }, ...series],
    }, [days, ...stacked.slice().reverse()], box);
  }

  let charts = []; // of the page: each with its box
  function redraw() {
    charts = charts.filter((c) => { c.plot.destroy(); return c.box.isConnected; });
    charts.forEach((c) => { c.plot = draw(c.box); });
  }

  // dress adds what a page has with a script alone.
  function dress(root) {
    root.querySelectorAll("[data-chart]").forEach((box) => charts.push({ box, plot: draw(box) }));
    root.querySelectorAll("time").forEach((at) => {
      at.title = new Date(at.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    });
    root.querySelectorAll("[data-print]").forEach((b) => { b.hidden = false; b.onclick = () => print(); });
    root.querySelectorAll(".scroll table").forEach((table) => { // on a phone a row is a block of lines
      const heads = [...table.querySelectorAll("thead th")].map((th) => th.textContent);
      table.querySelectorAll("tbody tr, tfoot tr").forEach((row) => {
        let column = 0;
        for (const cell of row.cells) {
          if (cell.tagName === "TD" && heads[column] && (cell.textContent.trim() || cell.children.length)) cell.dataset.head = heads[column];
          column += cell.colSpan;
        }
      });
      table.classList.add("rows");
    });
  }

  // Live pages. The stream says that something was posted, and the page's own address shows it anew.
  const silence = 45e3; // the server says something every 15 s
  const hiddenFor = 60e3; // a page that nobody sees listens no longer than that
  const pause = 5e3; // at least, between two looks at the page
  const longest = 60e3; // between two tries to connect
  const maxText = 1 << 20; // of an event
  const maxNews = 5;

  let stop = null; // ends the stream under way
  let lastId = "", tries = 0, lostAt = null, timer = 0, waiting = 0, looked = 0;
  const live = () => document.getElementById("live");
  const lost = () => document.getElementById("lost");

  function say(text, bad) {
    live().hidden = false;
    live().textContent = text;
    live().className = bad ? "warn" : "ok";
  }

  function notice(text, link) {
    lost().hidden = !text;
    lost().textContent = text;
    if (link) {
      const a = document.createElement("a");
      a.href = link;
      a.textContent = "Sign in again";
      lost().append(" ", a);
    }
  }

  // ended says that nothing more comes: the session has ended, or may see something else by now.
  function ended() {
    finish();
    say("not live: the session has ended", true);
    notice("Your session has ended: this page shows what was known at " + clock(lostAt || new Date()) + ".",
      "/ui/sign-in?to=" + encodeURIComponent(location.pathname + location.search));
  }

  function failed() {
    lostAt ||= new Date();
    say("not live", true);
    notice("The connection to Daybook was lost at " + clock(lostAt) + ": this page shows what was known then. It tries again by itself.");
    tries++;
    clearTimeout(timer);
    timer = setTimeout(listen, Math.min(longest, 500 * 2 ** tries) * (0.5 + Math.random() / 2));
  }

  function finish() {
    clearTimeout(timer);
    clearTimeout(waiting);
    waiting = 0;
    if (stop) stop.abort();
    stop = null;
  }

  async function listen() {
    finish();
    const own = (stop = new AbortController());
    let watch = 0;
    const heard = () => { clearTimeout(watch); watch = setTimeout(() => own.abort(), silence); };
    try {
      heard();
      const answer = await fetch(live().dataset.live, {
        signal: own.signal, headers: lastId ? { "Last-Event-ID": lastId } : {}, cache: "no-store",
      });
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) return ended();
      if (answer.status === 422) lastId = ""; // the streams are other ones by now
      if (!answer.ok) throw new Error("status " + answer.status);
      if (lostAt) await look(); // what was missed
      if (own.signal.aborted) return;
      const back = lostAt;
      tries = 0;
      lostAt = null;
      notice("");
      say(back ? "live again since " + clock(new Date()) : "live");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const part = await reader.read();
        if (part.done) break;
        heard();
        text += part.value;
        if (text.length > maxText) throw new Error("an event is too long");
        const events = text.split("\n\n");
        text = events.pop();
        events.forEach(take);
      }
    } catch (error) {
      if (own !== stop) return; // ended on purpose
    } finally {
      clearTimeout(watch);
    }
    if (own === stop) failed();
  }

  // take takes an event: "id: …", "event: …" and "data: …", one a line.
  function take(event) {
    const field = (name) => (event.split("\n").find((l) => l.startsWith(name + ": ")) || "").slice(name.length + 2);
    if (!field("data")) return;
    lastId = field("id") || lastId;
    if (field("event") === "charge") news(JSON.parse(field("data")));
    if (!waiting) waiting = setTimeout(again, Math.max(300, looked + pause - Date.now()));
  }

  // news lists a charge that was posted just now.
  function news(c) {
    const box = document.getElementById("news");
    if (!box) return;
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = "/ui/charge/" + encodeURIComponent(c.id);
    link.textContent = (c.name || c.resource.slice(0, 8)) + ": " + c.plan + ", " + c.component;
    item.append(link, " " + c.start.slice(0, 16).replace("T", " ") + " – " + c.end.slice(0, 16).replace("T", " ") + " ",
      money(c.amount, c.currency));
    box.hidden = false;
    box.lastElementChild.prepend(item);
    while (box.lastElementChild.children.length > maxNews) box.lastElementChild.lastElementChild.remove();
  }

  // look asks for the page anew, and shows the parts of it that changed. A part in use stays.
  const shown = new Map(); // the server's text of each part
  const parts = (page) => [...page.querySelectorAll("[data-part]")];
  const used = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea") ||
    part.querySelector("details[open], input:checked") !== null;
  async function look() {
    waiting = 0;
    const answer = await fetch(location.href, { redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") return ended();
    if (!answer.ok) throw new Error("status " + answer.status);
    looked = Date.now();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = parts(page), here = parts(document);
    if (now.map((p) => p.dataset.part).join() !== here.map((p) => p.dataset.part).join()) {
      if (here.some(used)) return stale();
      const heard = document.getElementById("news");
      document.getElementById("main").replaceWith(page.getElementById("main"));
      if (heard) document.getElementById("news")?.replaceWith(heard);
      keep();
      return changed(document.getElementById("main"));
    }
    now.forEach((part, i) => {
      if (shown.get(part.dataset.part) === part.outerHTML) return;
      if (used(here[i])) return stale();
      shown.set(part.dataset.part, part.outerHTML);
      here[i].replaceWith(part);
      changed(part);
    });
  }
  const again = () => look().catch(() => {
    if (stop && !waiting) waiting = setTimeout(again, 2 * pause);
  });
  function changed(root) {
    charts = charts.filter((c) => c.box.isConnected || c.plot.destroy());
    dress(root);
    htmx.process(root);
  }
  function keep() {
    shown.clear();
    parts(document).forEach((part) => shown.set(part.dataset.part, part.outerHTML));
  }
  function stale() { say("there is something new: load the page again to see it", true); }

  document.addEventListener("visibilitychange", () => {
    if (!live()) return;
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => { finish(); lostAt ||= new Date(); say("not live", true); }, hiddenFor);
    } else if (!stop) {
      listen();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    keep();
    dress(document);
    document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    if (live()) listen();
  });
  addEventListener("pagehide", finish);
  addEventListener("pageshow", (e) => { if (e.persisted && live()) { lostAt ||= new Date(); listen(); } });
  document.addEventListener("htmx:after:swap", (e) => dress(e.target instanceof Element ? e.target : document));
  let width = innerWidth; // a phone's bars change the height all the time
  addEventListener("resize", () => { if (width !== innerWidth) { width = innerWidth; redraw(); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
