// The view of one case: a dialog whose case stands in the address, so it can be sent to someone and closed by going back.
(() => {
  const report = window.parallaxReport;
  const { el, name, text, verdicts, address, caseParts, charts } = report;

  const dialog = document.getElementById("case");
  // The case that is shown: its name, what its head was made for and the cell it was drawn from. The head stays while
  // the rest is drawn anew, for it may have the focus.
  let shown = null;
  let opener = null;

  const close = () => address.undo({ case: "" });
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && close());

  // A plain click opens the dialog without leaving the place that the page is at.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.case-link");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    opener = { section: link.closest("section")?.id, case: link.dataset.case };
    address.change({ case: link.dataset.case });
  });

  function head(title, cell) {
    return el(
      "header",
      {},
      el("h2", { id: "case-title", tabindex: "-1" }, title),
      el(
        "div",
        { class: "case-line" },
        cell ? verdicts.badge(cell.verdict) : null,
        cell?.flaky ? el("span", {}, "~ passed only when tried again") : null,
        caseParts.copyButton("Copy the link", () => location.href),
      ),
      el("button", { type: "button", class: "close", "aria-label": "Close this case", onclick: close }, "×"),
    );
  }

  function fill(...children) {
    charts.release(dialog);
    dialog.replaceChildren(...children);
  }

  function fillBody(...children) {
    const body = dialog.querySelector(".case-body");
    charts.release(body);
    body.replaceChildren(el("div", {}, children));
  }

  const titleOf = (cell) => [
    name(text.named(cell.model, cell.variant)),
    el("span", { class: "quiet" }, " on "),
    name(cell.target),
  ];

  function withCell(cell, rest) {
    if (shown.head !== cell.verdict) fill(head(titleOf(cell), cell), el("div", { class: "case-body" }));
    shown.head = cell.verdict;
    fillBody(cell.message ? el("p", { class: "message" }, cell.message) : null, caseParts.summary(cell), rest);
  }

  function noCase(id) {
    shown.head = null;
    fill(
      head("No such case", null),
      el("p", { class: "nothing" }, `This sweep has no case ${id}: the link may be from another report.`),
    );
  }

  // What the sweep knows of it comes at once, and what its own file holds as soon as that is read.
  async function load(its, sweep) {
    const cell = sweep.cells.find((one) => one.case === its.id);
    its.cell = JSON.stringify(cell ?? null);
    if (!cell) return noCase(its.id);
    if (!its.head) withCell(cell, el("p", { role: "status", class: "quiet" }, "Reading this case…"));
    try {
      const data = await report.loadCase(its.id);
      if (shown === its)
        withCell(
          data.cell,
          caseParts.all.map((part) => part(data)),
        );
    } catch (error) {
      if (shown === its)
        withCell(cell, el("p", { class: "nothing" }, `The rest of this case is not shown: ${error.message}.`));
    }
  }

  // Where the focus was when a case was opened; what was drawn anew since is found by its case.
  function giveBackFocus() {
    if (!opener) return;
    const section = document.getElementById(opener.section) ?? document;
    section.querySelector(`a.case-link[data-case="${CSS.escape(opener.case)}"]`)?.focus({ preventScroll: true });
    opener = null;
  }

  function show(id, sweep) {
    if (!id) {
      if (!dialog.open) return;
      shown = null;
      dialog.close();
      fill();
      giveBackFocus();
      return;
    }
    if (shown?.id === id) return;
    const loaded = load((shown = { id, head: null, cell: null }), sweep);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    document.getElementById("case-title").focus();
    return loaded;
  }

  // The same case again, at the same place, where the new data tells anything else of it.
  async function refresh(sweep) {
    if (!shown) return;
    const now = JSON.stringify(sweep.cells.find((one) => one.case === shown.id) ?? null);
    if (now === shown.cell) return;
    const { scrollTop } = dialog;
    const focused = dialog.contains(document.activeElement);
    await load(shown, sweep);
    dialog.scrollTop = scrollTop;
    if (focused && !dialog.contains(document.activeElement))
      document.getElementById("case-title")?.focus({ preventScroll: true });
  }

  report.caseView = { show, refresh };
})();
