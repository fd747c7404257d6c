//! WebNN as browsers have it, bound by hand: web-sys has none of it.
//!
//! <https://www.w3.org/TR/webnn/#api>

use js_sys::{Function, Object, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    /// `navigator.ml`.
    #[derive(Debug, Clone)]
    pub type Ml;

    #[wasm_bindgen(method, js_name = createContext)]
    pub fn create_context(this: &Ml, options: &JsValue) -> Promise;

    /// A place where graphs are built and run.
    #[derive(Debug, Clone)]
    pub type MlContext;

    #[wasm_bindgen(method, catch, js_name = opSupportLimits)]
    pub fn op_support_limits(this: &MlContext) -> Result<Object, JsValue>;

    #[wasm_bindgen(method, js_name = createTensor)]
    pub fn create_tensor(this: &MlContext, descriptor: &JsValue) -> Promise;

    #[wasm_bindgen(method, catch, js_name = writeTensor)]
    pub fn write_tensor(this: &MlContext, tensor: &MlTensor, data: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method, js_name = readTensor)]
    pub fn read_tensor(this: &MlContext, tensor: &MlTensor) -> Promise;

    #[wasm_bindgen(method, catch)]
    pub fn dispatch(
        this: &MlContext,
        graph: &MlGraph,
        inputs: &Object,
        outputs: &Object,
    ) -> Result<(), JsValue>;

    #[wasm_bindgen(method, getter)]
    pub fn lost(this: &MlContext) -> Promise;

    #[wasm_bindgen(method, catch)]
    pub fn destroy(this: &MlContext) -> Result<(), JsValue>;

    /// Makes operands; each operator is a method of it.
    #[wasm_bindgen(js_name = MLGraphBuilder)]
    #[derive(Debug, Clone)]
    pub type MlGraphBuilder;

    #[wasm_bindgen(constructor, catch, js_class = "MLGraphBuilder")]
    pub fn new(context: &MlContext) -> Result<MlGraphBuilder, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn input(this: &MlGraphBuilder, name: &str, descriptor: &JsValue) -> Result<MlOperand, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub fn constant(
        this: &MlGraphBuilder,
        descriptor: &JsValue,
        data: &JsValue,
    ) -> Result<MlOperand, JsValue>;

    #[wasm_bindgen(method)]
    pub fn build(this: &MlGraphBuilder, outputs: &Object) -> Promise;

    /// A value that an operator takes or gives while a graph is built.
    #[derive(Debug, Clone)]
    pub type MlOperand;

    /// A graph that is built.
    #[derive(Debug, Clone)]
    pub type MlGraph;

    #[wasm_bindgen(method, catch, js_name = destroy)]
    pub fn destroy_graph(this: &MlGraph) -> Result<(), JsValue>;

    /// Elements that lie where the context has them.
    #[derive(Debug, Clone)]
    pub type MlTensor;

    #[wasm_bindgen(method, catch, js_name = destroy)]
    pub fn destroy_tensor(this: &MlTensor) -> Result<(), JsValue>;
}

impl MlGraphBuilder {
    /// Calls an operator's method.
    ///
    /// # Errors
    /// Whatever it throws; a method that the builder does not have is a `TypeError`.
    pub fn call(&self, method: &str, arguments: &js_sys::Array) -> Result<MlOperand, JsValue> {
        let found = js_sys::Reflect::get(self, &JsValue::from_str(method))?;
        let found: Function = found.dyn_into()?;
        found.apply(self, arguments).map(JsCast::unchecked_into)
    }
}
