// Loads the sweep and draws it; draws it anew when the address or the data change.
(() => {
  const report = window.parallaxReport;
  const { el, text, filters, address, charts, sections, caseView } = report;

  const byId = (id) => document.getElementById(id);
  const bodyOf = (id) => byId(id).querySelector(".body");

  let sweep = null;
  let drawnFor = null;
  let section = "";

  function made() {
    const hosts = [...new Set(sweep.runs.map((run) => run.host).filter(Boolean))];
    const from = sweep.runs.length
      ? ` from ${text.count(sweep.runs.length, "run")}${hosts.length ? ` on ${hosts.slice(0, 3).join(", ")}${hosts.length > 3 ? " and others" : ""}` : ""}`
      : "";
    byId("made").replaceChildren(text.visible(`Made ${text.date(sweep.made_at)}${from}.`));
    byId("about").replaceChildren(
      el(
        "p",
        {},
        `Parallax ${sweep.parallax}. Charts are drawn by Observable Plot and D3; their licences lie in app/vendor.`,
      ),
    );
  }

  // One section that cannot be drawn does not take the others with it.
  function drawSection({ id, render }, view) {
    const body = bodyOf(id);
    charts.release(body);
    try {
      body.replaceChildren(...render(view).flat(Infinity).filter(Boolean));
    } catch (error) {
      body.replaceChildren(el("p", { class: "nothing" }, `This part cannot be shown: ${error.message}.`));
      console.error(error);
    }
  }

  function found({ cells, filtered }) {
    const words = filtered
      ? `Showing ${cells.length.toLocaleString("en")} of ${text.count(sweep.cells.length, "case")}.`
      : `${text.count(cells.length, "case")}, ${text.count(sweep.models.length, "model")}, ${text.count(sweep.targets.length, "target")}.`;
    if (byId("found").textContent !== words) byId("found").textContent = words;
  }

  function draw(values) {
    const view = filters.apply(sweep, values);
    found(view);
    sections.forEach((one) => drawSection(one, view));
  }

  // All of the address that changes what is drawn; the open case and the section do not.
  const filterText = (values) => JSON.stringify([...values].filter(([key, value]) => key !== "case" && value));

  function follow() {
    const now = address.now();
    filters.show(now.values);
    if (filterText(now.values) !== drawnFor) {
      drawnFor = filterText(now.values);
      draw(now.values);
    }
    for (const link of byId("contents").querySelectorAll("a"))
      link.href = address.sectionAddress(link.hash.slice(1).split("?")[0]);
    if (now.section !== section) go((section = now.section));
    caseView.show(now.values.get("case"), sweep);
  }

  function go(id) {
    const target = id && byId(`${id}-title`);
    if (!target) return;
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
    byId(id).scrollIntoView();
  }

  byId("contents").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && link.hash === location.hash) go(section);
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("content").focus();
  });

  const MORE = ":scope > .more, :scope > .tabled > .more";
  const allIn = (selector) => sections.map(({ id }) => [...bodyOf(id).querySelectorAll(selector)]);

  // Does to each element that a selector finds now what was read from the one in its place before.
  function keeper(selector, read, write) {
    const before = allIn(selector).map((found) => found.map(read));
    return () =>
      allIn(selector).forEach((found, section) =>
        found.forEach((element, at) => at in before[section] && write(element, before[section][at])),
      );
  }

  function focusKeeper() {
    const { activeElement } = document;
    const name = activeElement?.dataset.case;
    const id = activeElement?.closest("section")?.id;
    if (!name || !id) return () => {};
    return () =>
      byId(id)
        .querySelector(`[data-case="${CSS.escape(name)}"]`)
        ?.focus({ preventScroll: true });
  }

  function placeKeeper() {
    const top = sections.map(({ id }) => byId(id)).find((one) => one.getBoundingClientRect().bottom > 0);
    const before = top?.getBoundingClientRect().top;
    return () => top && scrollBy({ top: top.getBoundingClientRect().top - before, behavior: "instant" });
  }

  // What a reader has unfolded, and where the page and the focus are: kept while new data is drawn.
  function remember() {
    const keepers = [
      keeper(
        "details",
        (one) => one.open,
        (one, open) => (one.open = open),
      ),
      keeper(
        MORE,
        (one) => Number(one.dataset.shown),
        (one, shown) => one.showAtLeast(shown),
      ),
      keeper(
        ".scroller",
        (one) => [one.scrollLeft, one.scrollTop],
        (one, [left, top]) => one.scrollTo({ left, top, behavior: "instant" }),
      ),
      focusKeeper(),
      placeKeeper(),
    ];
    return () => keepers.forEach((back) => back());
  }

  async function load() {
    const first = sweep === null;
    sweep = await report.loadSweep();
    const back = first ? () => {} : remember();
    made();
    filters.build(sweep);
    drawnFor = null;
    follow();
    back();
    document.documentElement.dataset.drawn = "";
    if (first) performance.mark("first-view");
    await caseView.refresh(sweep);
  }

  address.listen(() => sweep && follow());
  report.live.start(load);
})();
