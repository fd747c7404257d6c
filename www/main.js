// Starts the wasm module and offers it to the driver of this browser as `parallax.ready` and `parallax.run`.

const show = (id, text) => (document.getElementById(id).textContent = text);

// A module instance, each time a new one: the query makes it a module of its own.
let instances = 0;
async function start() {
  const bindings = await import(`./pkg/wasm_runtime.js?instance=${instances++}`);
  await bindings.default({ module_or_path: new URL("./pkg/wasm_runtime_bg.wasm", import.meta.url) });
  return bindings;
}

// Settles once jobs can be run; rejects where the module cannot be loaded.
let module = start();
const ready = module.then(
  () => show("status", "ready"),
  (error) => {
    show("status", `cannot start: ${error}; build the module with \`cargo xtask wasm\``);
    throw error;
  },
);

// A trap (a panic, a full wasm memory, a full stack) leaves the module without a word to the job's promise, and
// the instance is then of no more use: the job fails, the next one gets a new instance.
let onTrap = () => {};
function trap(cause) {
  if (!(cause instanceof WebAssembly.RuntimeError || cause instanceof RangeError)) return;
  module = start();
  onTrap(cause);
}
addEventListener("error", (event) => trap(event.error));
addEventListener("unhandledrejection", (event) => trap(event.reason));

function failed(id, cause) {
  const message = `the page's module stopped: ${cause}; a smaller model, batch or sequence needs less memory`;
  return JSON.stringify({ id, answer: { kind: "failed", failure: "error", message } });
}

function title({ id, engine, task }) {
  const subject = task.manifest?.name ?? (task.size ? `${task.size} x ${task.size}` : "");
  return `${id}: ${task.kind} ${subject} on ${engine}`;
}

// Takes a job as JSON and resolves to its outcome as JSON.
async function run(jobJson) {
  await ready;
  const job = JSON.parse(jobJson);
  show("job", title(job));
  show("status", "running");
  const trapped = new Promise((resolve) => (onTrap = (cause) => resolve(failed(job.id, cause))));
  const outcomeJson = await Promise.race([(await module).run(jobJson), trapped]);
  const { kind, failure, message } = JSON.parse(outcomeJson).answer;
  show("status", failure ? `${failure}: ${message}` : kind);
  return outcomeJson;
}

globalThis.parallax = { ready, run };
