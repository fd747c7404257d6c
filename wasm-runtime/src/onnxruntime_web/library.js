// onnxruntime-web behind a few calls: load it, open a session, run it, hear where its nodes went.

// Severities of its log.
const VERBOSE = 0;
const ERROR = 3;

// The module at `url`; its other files lie beside it.
export async function load(url) {
  const ort = await import(url);
  ort.env.wasm.wasmPaths = new URL(".", url).href;
  ort.env.logLevel = "error";
  return ort;
}

export class Session {
  // `model` is an ONNX file; `externalData` are the files beside it, as { path, data }.
  static async open(ort, model, executionProviders, externalData) {
    const options = { executionProviders, externalData, logSeverityLevel: ERROR };
    return new Session(ort, await ort.InferenceSession.create(model, options));
  }

  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
  }

  // Takes and gives tensors as [name, type, elements, shape].
  async run(feeds) {
    const tensor = ([name, type, elements, shape]) => [name, new this.ort.Tensor(type, elements, shape)];
    const results = await this.session.run(Object.fromEntries(feeds.map(tensor)));
    return Object.entries(results).map(([name, { type, data, dims }]) => [name, type, data, dims]);
  }

  async release() {
    await this.session.release();
  }
}

// Opens the model for its log alone: the lines with `mark` in them. The log goes to the console, which is heard
// for as long as that takes.
export async function narrate(ort, model, executionProviders, externalData, mark) {
  const lines = [];
  const { error } = console;
  console.error = (line) => String(line).includes(mark) && lines.push(String(line));
  try {
    const options = { executionProviders, externalData, logSeverityLevel: VERBOSE };
    const session = await ort.InferenceSession.create(model, options);
    await session.release();
  } finally {
    console.error = error;
  }
  return lines;
}
