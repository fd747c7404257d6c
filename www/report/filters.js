// The filters: a form whose values live in the address, and what they let through.
(() => {
  const report = window.parallaxReport;
  const { el, address, verdicts } = report;

  const engineOf = (target) => target.split("@")[0];
  const browserOf = (target) => (target.includes("@") ? target.slice(target.indexOf("@") + 1) : "native");

  // A side of a comparison: a target, and what sets it apart from the same target asked otherwise.
  //     webgpu@chrome+adapter=hardware+features=-fusion
  function sideOf(text) {
    const [target, ...parts] = text.split(/\+(adapter|features|run|version|digest)=/);
    const of = (name) => (parts.includes(name) ? parts[parts.indexOf(name) + 1] : null);
    return { target, adapter: of("adapter"), features: of("features") };
  }

  const BROKEN = "broken";
  const verdictFits = (verdict, value) =>
    value === BROKEN ? verdicts.of(verdict).kind === "broken" : verdict === value;

  // Each filter by a choice: its name in the address, its label, and what it looks at. A row that is no cell of the
  // sweep (a finding about something that was lost) has a model, a variant and a target only.
  const CHOICES = [
    ["family", "Family", (cell) => cell.family],
    ["modality", "Modality", (cell) => cell.modality],
    ["engine", "Engine", (cell) => engineOf(cell.target)],
    ["browser", "Browser", (cell) => browserOf(cell.target)],
    ["target", "Target", (cell) => cell.target],
    ["verdict", "Verdict", (cell) => cell.verdict],
    ["precision", "Precision", (cell) => cell.precision],
    ["variant", "Variant", (cell) => cell.variant],
  ];
  const NO_VARIANT = "(none)";
  const shownAs = (name, value) => (name === "variant" && value === "" ? NO_VARIANT : value);

  function fits(cell, values) {
    const words = (values.get("model") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const model = cell.model.toLowerCase();
    if (!words.every((word) => model.includes(word))) return false;
    return CHOICES.every(([name, , read]) => {
      const value = values.get(name);
      if (!value) return true;
      const found = read(cell);
      return name === "verdict" ? verdictFits(found, value) : shownAs(name, found) === value;
    });
  }

  const key = ({ model, variant, target }) => JSON.stringify([model, variant, target]);

  // What is left of the sweep: its cells, and a question that other rows can ask about themselves.
  function apply(sweep, values) {
    const cells = sweep.cells.filter((cell) => fits(cell, values));
    const all = new Set(sweep.cells.map(key));
    const kept = new Set(cells.map(key));
    const models = new Set(cells.map((cell) => JSON.stringify([cell.model, cell.target])));
    return {
      sweep,
      cells,
      filtered: cells.length !== sweep.cells.length,
      has: (row) => kept.has(key(row)) || (!all.has(key(row)) && fits(row, values)),
      hasModel: ({ model, target }) => models.has(JSON.stringify([model, target])),
    };
  }

  function options(sweep, name, read) {
    const found = [...new Set(sweep.cells.map(read))].filter((value) => value !== null && value !== undefined);
    const values = found.map((value) => shownAs(name, value));
    if (name === "verdict") {
      const order = (value) => verdicts.ORDER.indexOf(value);
      return [BROKEN, ...values.sort((a, b) => order(a) - order(b))];
    }
    return name === "target" ? values : values.sort();
  }

  const label = (name, value) => {
    if (name !== "verdict") return value;
    return value === BROKEN ? "anything broken" : verdicts.of(value).word;
  };

  function choice(sweep, [name, title, read]) {
    const values = options(sweep, name, read);
    if (values.length < 2) return null;
    const select = el(
      "select",
      { name, onchange: (event) => address.change({ [name]: event.target.value }) },
      el("option", { value: "" }, "any"),
      values.map((value) => el("option", { value }, label(name, value))),
    );
    return el("label", {}, el("span", {}, title), select);
  }

  function search() {
    const input = el("input", {
      name: "model",
      type: "search",
      placeholder: "part of it",
      autocomplete: "off",
      spellcheck: "false",
      oninput: (event) => address.change({ model: event.target.value }, { replace: true }),
    });
    return el("label", {}, el("span", {}, "Model"), input);
  }

  function clear() {
    const none = Object.fromEntries(["model", ...CHOICES.map(([name]) => name)].map((name) => [name, ""]));
    return el("button", { type: "button", name: "clear", onclick: () => address.change(none) }, "Clear");
  }

  const form = () => document.getElementById("filters");

  let offered = null;

  // Makes the form for a sweep. Where there is nothing new to choose from it stays, with the focus and a list that is open.
  function build(sweep) {
    const offers = JSON.stringify(CHOICES.map(([name, , read]) => options(sweep, name, read)));
    if (offers === offered) return;
    offered = offers;
    const focused = form().contains(document.activeElement) ? document.activeElement.name : null;
    const typed = form().elements.model?.closest("label") ?? search();
    form().replaceChildren(typed, ...CHOICES.map((entry) => choice(sweep, entry)).filter(Boolean), clear());
    form().onsubmit = (event) => event.preventDefault();
    if (focused) form().elements[focused]?.focus();
  }

  // Shows the address's values in the form; one that the sweep does not have is shown all the same.
  function show(values) {
    for (const field of form().elements) {
      if (field.name === "clear") continue;
      const value = values.get(field.name) ?? "";
      if (field.value === value) continue;
      if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) {
        field.append(el("option", { value }, `${value} (not in this sweep)`));
      }
      field.value = value;
    }
    form().elements.clear.disabled = !["model", ...CHOICES.map(([name]) => name)].some((name) => values.get(name));
  }

  report.filters = { apply, build, show, engineOf, browserOf, sideOf };
})();
