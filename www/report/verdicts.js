// How a case ended: its sign, its word, and whether it counts as broken. The sign stands beside every colour.
(() => {
  const VERDICTS = {
    pass: { sign: "✓", word: "pass", kind: "right", says: "it ran, and every output is right" },
    mismatch: { sign: "≠", word: "mismatch", kind: "broken", says: "it ran, and an output is wrong" },
    crash: { sign: "✕", word: "crash", kind: "broken", says: "the browser, tab or process died" },
    "device-lost": { sign: "⊘", word: "device lost", kind: "broken", says: "the device went away" },
    timeout: { sign: "…", word: "timeout", kind: "broken", says: "no answer in time" },
    error: { sign: "!", word: "error", kind: "broken", says: "anything else, bad input included" },
    unsupported: {
      sign: "○",
      word: "unsupported",
      kind: "lacking",
      says: "this target lacks an operator, a type or a limit",
    },
    unavailable: { sign: "–", word: "unavailable", kind: "lacking", says: "no such browser, device or library here" },
  };
  const UNKNOWN = { sign: "?", kind: "broken", says: "a verdict that this page does not know" };

  const ORDER = Object.keys(VERDICTS);
  const of = (name) => (Object.hasOwn(VERDICTS, name) ? VERDICTS[name] : { ...UNKNOWN, word: name });

  function badge(name) {
    const { sign, word, kind } = of(name);
    const { el } = window.parallaxReport;
    return el("span", { class: `verdict ${kind}` }, el("span", { "aria-hidden": "true" }, sign), ` ${word}`);
  }

  window.parallaxReport.verdicts = { ORDER, of, badge };
})();
