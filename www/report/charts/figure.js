// The frame of every chart: a title, a sentence that says what it shows, the drawing, and the same as a table. It is
// drawn when it comes into view, at the width that there is, and anew when that changes.
(() => {
  const report = window.parallaxReport;
  const { el } = report;
  const drawings = new WeakMap();
  const drawn = new Set();
  let ids = 0;

  const AHEAD = "400px";
  const watch = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: AHEAD },
  );

  const resized = new ResizeObserver((entries) => requestAnimationFrame(() => entries.forEach(redraw)));
  function redraw({ target }) {
    const { width } = drawings.get(target) ?? {};
    if (width && target.isConnected && Math.abs(target.clientWidth - width) > 1) draw(target);
  }

  function draw(holder) {
    watch.unobserve(holder);
    const drawing = drawings.get(holder);
    const width = holder.clientWidth;
    if (!drawing || width === 0) return;
    drawing.width = width;
    const made = drawing.draw(Math.max(width, 220));
    holder.replaceChildren(made);
    holder.style.minHeight = "";
    if (!drawn.has(holder)) resized.observe(holder);
    drawn.add(holder);
  }

  // The point under the pointer opens its case. What is inside a drawing is for eyes: the title, the sentence and the
  // table say it to everyone else.
  function openOnClick(made) {
    made.setAttribute("aria-hidden", "true");
    made.addEventListener("click", () => {
      const point = made.value;
      if (point?.case) report.address.change({ case: point.case });
    });
    return made;
  }

  // `draw(width)` gives the drawing, `table()` the table; `height` keeps its place until it is drawn.
  // Several things to be said are a list.
  const said = (id, says) =>
    Array.isArray(says)
      ? el(
          "ul",
          { id, class: "says" },
          says.map((line) => el("li", {}, line)),
        )
      : el("p", { id }, says);

  function figure({ title, says, height, draw: make, table, legend, heading = "h3" }) {
    const id = `chart-${(ids += 1)}`;
    const holder = el("div", {
      class: "plot",
      role: "img",
      "aria-labelledby": `${id}-title`,
      "aria-describedby": `${id}-says`,
    });
    holder.style.minHeight = `${height}px`;
    drawings.set(holder, { draw: (width) => openOnClick(make(width)) });
    watch.observe(holder);
    return el(
      "figure",
      { class: "chart", "aria-labelledby": `${id}-title` },
      el("figcaption", {}, el(heading, { id: `${id}-title` }, title), said(`${id}-says`, says)),
      legend ?? null,
      holder,
      asTable(table),
    );
  }

  function asTable(make) {
    const details = el("details", { class: "as-table" }, el("summary", {}, "Show as table"));
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(make());
    });
    return details;
  }

  // Charts that are about to leave the page are watched no longer.
  function release(container) {
    for (const holder of container.querySelectorAll(".plot")) {
      watch.unobserve(holder);
      resized.unobserve(holder);
      drawn.delete(holder);
    }
  }

  addEventListener("beforeprint", () =>
    document.querySelectorAll(".plot").forEach((holder) => drawn.has(holder) || draw(holder)),
  );

  // Colours and shapes of groups: told apart by either alone.
  const SHAPES = [
    d3.symbolCircle,
    d3.symbolSquare,
    d3.symbolTriangle,
    d3.symbolDiamond,
    d3.symbolCross,
    d3.symbolStar,
    d3.symbolWye,
  ];
  const look = (index) => ({ color: `var(--series-${(index % 8) + 1})`, shape: SHAPES[index % SHAPES.length] });

  function shapeMark({ color, shape }) {
    const path = report.svg("path", { d: d3.symbol(shape, 56)() });
    path.style.fill = color;
    return report.svg("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", "aria-hidden": "true" }, path);
  }

  function swatch({ color }) {
    const mark = el("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = color;
    return mark;
  }

  // `entries`: [[name, look]]; `marks` says whether shapes or areas stand for them.
  const legend = (entries, marks = "shapes") =>
    el(
      "ul",
      { class: "legend" },
      entries.map(([name, its]) => el("li", {}, marks === "shapes" ? shapeMark(its) : swatch(its), report.name(name))),
    );

  // Round numbers between two, as many as fit: the finest steps that do.
  const STEPS = [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]];
  function logTicks([low, high], most) {
    if (high / low < 3) return d3.ticks(low, high, most);
    const powers = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
    const inside = (steps) =>
      powers.flatMap((power) => steps.map((step) => step * 10 ** power)).filter((tick) => tick >= low && tick <= high);
    const fitting = STEPS.map(inside).find((ticks) => ticks.length <= most);
    if (fitting) return fitting;
    const tens = inside([1]);
    return tens.filter((_, index) => index % Math.ceil(tens.length / most) === 0);
  }

  // The ends of a logarithmic axis: all values, and a little more.
  function logDomain(values) {
    const positive = values.filter((value) => value > 0 && Number.isFinite(value));
    if (positive.length === 0) return [1, 10];
    return [Math.min(...positive) / 1.15, Math.max(...positive) * 1.15];
  }

  // Where the names of rows go, as they fit: beside their rows, in at most two fifths of the width, or above them where
  // there is little of it. `rowHeight` is what a row takes then.
  const NARROW = 480;
  const pen = document.createElement("canvas").getContext("2d");

  function fit(name, most) {
    let letters = 60;
    let shown = report.text.short(name, letters);
    while (pen.measureText(shown).width > most && letters > 10) shown = report.text.short(name, (letters -= 2));
    return shown;
  }

  function rowNames(names, width) {
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    const above = width < NARROW;
    const most = above ? width - 90 : Math.min(340, width * 0.42);
    const fitted = names.map((name) => fit(name, most));
    const widest = Math.max(20, ...fitted.map((name) => pen.measureText(name).width));
    const axis = { type: "band", domain: names.map((_, index) => index), label: null, tickSize: 0 };
    if (!above)
      return {
        rowHeight: 26,
        marginLeft: Math.ceil(widest) + 14,
        inset: 0,
        y: { ...axis, tickFormat: (index) => fitted[index] },
        mark: null,
      };
    const mark = Plot.text(fitted, {
      y: (_, index) => index,
      frameAnchor: "left",
      textAnchor: "start",
      dx: 2,
      dy: -14,
      text: (name) => name,
      stroke: "var(--page)",
      strokeWidth: 4,
      fill: "currentColor",
    });
    return { rowHeight: 42, marginLeft: 14, inset: 16, y: { ...axis, axis: null }, mark };
  }

  const STYLE = { fontFamily: "inherit", fontSize: "12px", background: "none", overflow: "visible" };

  report.charts = { figure, release, legend, look, logTicks, logDomain, rowNames, STYLE };
})();
