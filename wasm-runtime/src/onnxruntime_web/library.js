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
  // `model` is an ONNX file, `options` are a session's.
  static async open(ort, model, options) {
    return new Session(ort, await ort.InferenceSession.create(model, { ...options, logSeverityLevel: ERROR }));
  }

  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
  }

  // Takes and gives tensors as [name, type, elements, shape]; halves as their bits, for which every browser has
  // an array.
  async run(feeds) {
    const tensor = ([name, type, elements, shape]) => [name, new this.ort.Tensor(type, elements, shape)];
    const results = await this.session.run(Object.fromEntries(feeds.map(tensor)));
    const bits = (half) => new Uint16Array(half.buffer, half.byteOffset, half.length);
    const elements = ({ type, data }) => (type === "float16" ? bits(data) : data);
    return Object.entries(results).map(([name, tensor]) => [name, tensor.type, elements(tensor), tensor.dims]);
  }

  async release() {
    await this.session.release();
  }
}

// What the library logs while somebody listens. Its WebAssembly takes hold of console.error when it starts, so this
// has to lie there before.
let heard = null;
const { error } = console;
console.error = (...words) => (heard ? heard.push(words.join(" ")) : error.apply(console, words));

// Opens the model for its log alone: the lines with `mark` in them.
export async function narrate(ort, model, options, mark) {
  const lines = (heard = []);
  try {
    const session = await ort.InferenceSession.create(model, { ...options, logSeverityLevel: VERBOSE });
    await session.release();
  } finally {
    heard = null;
  }
  return lines.filter((line) => line.includes(mark));
}
