// Makes elements. Text always goes in as text, with what is invisible in it made visible: nothing here reads markup.
(() => {
  const report = window.parallaxReport;
  const { visible } = report.text;

  const SVG = "http://www.w3.org/2000/svg";

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? "" : value);
    }
  }

  function fill(element, children) {
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      element.append(child instanceof Node ? child : visible(child));
    }
    return element;
  }

  // el("p", { class: "note" }, "text", el("b", {}, name)): attributes that start with `on` are listeners.
  function el(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    set(element, attributes);
    return fill(element, children);
  }

  function svg(name, attributes = {}, ...children) {
    const element = document.createElementNS(SVG, name);
    set(element, attributes);
    return fill(element, children);
  }

  // Names of any writing direction keep to themselves.
  const name = (text) => el("bdi", {}, text);

  // A name in a table: on one line, shortened in its middle where it is very long, whole in its title.
  const brief = (text) => el("bdi", { class: "brief", title: visible(text) }, report.text.short(text, 36));

  // A list of which the first few are shown, and a button for more of them. `make` gives an element for each item.
  function some(items, make, { first = 12, step = first, holder = el("div"), what = "more" } = {}) {
    let shown = 0;
    const button = el("button", { type: "button", class: "more", onclick: () => show(step, true) });
    function show(n, focus) {
      const next = items.slice(shown, shown + n).map(make);
      shown += next.length;
      holder.append(...next);
      const left = items.length - shown;
      button.hidden = left === 0;
      button.dataset.shown = shown;
      button.textContent = left <= step ? `Show ${left} ${what}` : `Show ${step} of ${left} ${what}`;
      if (focus) focusOn(next[0]);
    }
    button.showAtLeast = (n) => n > shown && show(n - shown, false);
    show(first, false);
    return [holder, button];
  }

  function focusOn(element) {
    if (!element) return;
    const target = element.matches("a, button") ? element : element.querySelector("a, button");
    if (target) return target.focus();
    element.tabIndex = -1;
    element.focus();
  }

  Object.assign(report, { el, svg, name, brief, some });
})();
