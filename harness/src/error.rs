//! Everything that ends a command early. A case that goes wrong is a row instead, never one of these.

use std::io;
use std::path::PathBuf;

use protocol::{Precision, Verdict};

use crate::exit::Exit;
use crate::fault::Fault;

/// Why a command could not begin, or had to stop.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum Error {
    #[error(
        "nothing to sweep: no {missing}; name them with --models and --targets or in a plan, for example\n  \
         parallax sweep --models bert-tiny,vit-tiny --targets webgpu@chrome,onnxruntime:cpu"
    )]
    NothingAsked { missing: &'static str },
    #[error("cannot write the plan to {}: {source}", path.display())]
    PlanUnwritten { path: PathBuf, source: io::Error },
    #[error("cannot read the plan {}: {source}", path.display())]
    PlanUnreadable { path: PathBuf, source: io::Error },
    #[error("the plan {} is not right: {message}", path.display())]
    PlanInvalid { path: PathBuf, message: String },
    #[error(
        "target \"{target}\": there is no browser \"{browser}\"{hint}; the browsers are {known}; add others under [browsers.NAME] in a plan"
    )]
    UnknownBrowser { target: String, browser: String, hint: String, known: String },
    #[error(
        "--require-hardware and --adapter {other} contradict each other; leave one out, or sweep twice into one database"
    )]
    AdapterContradiction { other: String },
    #[error(
        "an adapter without a name is asked for; adapters are default, hardware, software, swiftshader, lavapipe and part of a name"
    )]
    NoAdapterName,
    #[error("{count} adapters are asked for and one can be taken; name one with --adapter")]
    SeveralAdapters { count: usize },
    #[error("browser \"{name}\": {message}")]
    BrowserInvalid { name: String, message: String },
    #[error("there is no model \"{model}\"{hint}; the models in {} are {known}; a folder with a model.toml, an ONNX file and hf:owner/repository work too", fixtures.display())]
    UnknownModel { model: String, hint: String, known: String, fixtures: PathBuf },
    #[error("model \"{model}\": {reason}; {remedy}")]
    Hub { model: String, reason: String, remedy: String },
    #[error("\"{model}\" cannot be completed with inputs and expected outputs: {message}")]
    Uncompleted { model: String, verdict: Verdict, message: String },
    #[error("{message}")]
    NotResized { verdict: Verdict, message: String },
    #[error("model \"{model}\" is not kept in {precision} here, only in {known}")]
    NoPrecision { model: String, precision: Precision, known: String },
    #[error("the plan has {cases} {}, which take about {about}: vary less, take fewer rounds, or run it with --large", if *cases == 1 { "case" } else { "cases" })]
    PlanTooLarge { cases: usize, about: String },
    #[error("\"{model}\" was not completed with inputs and expected outputs: {fault}")]
    Unfinished { model: String, fault: Fault },
    #[error("the expected outputs of \"{model}\" are ONNX Runtime's, which is unavailable: {message}")]
    NoReference { model: String, message: String },
    #[error("{}: {message}", path.display())]
    ModelInvalid { path: PathBuf, message: String },
    #[error("cannot read {} of the model: {source}", path.display())]
    ModelUnreadable { path: PathBuf, source: io::Error },
    #[error("two models are called \"{name}\": {} and {}; give one another name, in its model.toml or as an ONNX file", first.display(), second.display())]
    SameName { name: String, first: PathBuf, second: PathBuf },
    #[error("there is no database {} yet; `parallax sweep` makes it, or name another with --db", path.display())]
    NoDatabase { path: PathBuf },
    #[error("{} is not a DuckDB database; name another file with --db (it was left as it is)", path.display())]
    NotADatabase { path: PathBuf },
    #[error("the tunings in {}: {reason}", path.display())]
    TuningFile { path: PathBuf, reason: String },
    #[error("{} is a database, but not one of Parallax: {found}; name another file with --db", path.display())]
    ForeignDatabase { path: PathBuf, found: String },
    #[error("the database {} is held by another process{holder}; wait for it to end or name another file with --db", path.display())]
    DatabaseHeld { path: PathBuf, holder: String },
    #[error("the database {} was written by a newer Parallax (schema {found}, this one knows {known}); update Parallax or name another file with --db", path.display())]
    DatabaseNewer { path: PathBuf, found: i64, known: i64 },
    #[error("cannot merge {}: {message}; leave it out, or give another copy of it (it was left as it is)", path.display())]
    SourceRefused { path: PathBuf, message: String },
    #[error("run {run} of {} has other contents than here (table {table}), so one of both was changed; leave that source out, or merge it into another database with --into", path.display())]
    RunAtOdds { run: String, path: PathBuf, table: &'static str },
    #[error(
        "shards of different plans: {a}, {b}; merge the shards of one sweep, or all of them as they are with --any"
    )]
    ShardsOfDifferentPlans { a: String, b: String },
    #[error("{} is no export that could be replaced: it holds {}; name another folder with --parquet", folder.display(), found.display())]
    ExportInTheWay { folder: PathBuf, found: PathBuf },
    #[error("cannot write the export {}: {source}", folder.display())]
    ExportUnwritten { folder: PathBuf, source: io::Error },
    #[error("cannot open the database {}: {message}; name another file with --db", path.display())]
    DatabaseUnopened { path: PathBuf, message: String },
    #[error("the database {} is gone: {what}, so what this run measured from then on would be found nowhere; put the file back and run again, or name another with --db", path.display())]
    DatabaseGone { path: PathBuf, what: &'static str },
    #[error("the database failed while {doing}: {source}")]
    Store { doing: &'static str, source: duckdb::Error },
    #[error(
        "there is no run \"{name}\"; name one by its identifier, the beginning of that, or last: {known}"
    )]
    NoRun { name: String, known: String },
    #[error("nothing was run on {baseline}, which speed-ups are to be over; the targets are {known}")]
    NoSuchBaseline { baseline: String, known: String },
    #[error("the run has no cell to show: none of its cases finished; sweep again")]
    NothingToShow,
    #[error("several runs begin with \"{name}\": {known}; write more of the identifier")]
    SeveralRuns { name: String, known: String },
    #[error(
        "there is no earlier sweep that passed, of one of its models on the same target, to hold this one against: {known}; run `parallax sweep` once more, name a run or a file with --against, or let it through with --allow-no-baseline"
    )]
    NoBaseline { known: String },
    #[error("cannot take {} as a baseline: {message}", path.display())]
    BaselineUnread { path: PathBuf, message: String },
    #[error("the database holds no sweep yet; run `parallax sweep`, or name another database with --db")]
    NoSweep,
    #[error("{} holds {found}, which is no report of ours; name an empty folder or a new one with --html", path.display())]
    NotAReport { path: PathBuf, found: String },
    #[error("cannot write the report to {}: {source}", path.display())]
    ReportUnwritten { path: PathBuf, source: io::Error },
    #[error("the report's {file} is not in {}; name the folder that holds report/ in PARALLAX_WWW, or bring the checkout up to date", folder.display())]
    NoReportFiles { file: String, folder: PathBuf },
    #[error("{0}")]
    NotComparable(String),
    #[error("cannot read the query from {}: {source}", path.display())]
    QueryUnreadable { path: PathBuf, source: io::Error },
    #[error("the query cannot be answered: {message}")]
    QueryWrong { message: String },
    #[error("the query changes the database, which is open for reading alone: with --write it may")]
    QueryWrites,
    #[error(
        "nothing of the query is kept: {found}; with --write rows may change, and not the tables that hold them"
    )]
    QueryTakenBack { found: String },
    #[error("the database {} cannot be rewritten without the runs that were to go: {source}; it is as it was", path.display())]
    NotPruned { path: PathBuf, source: io::Error },
    #[error("the page server cannot start: {reason}; {remedy}")]
    PageServer { reason: String, remedy: String },
    #[error(
        "port {port} on 127.0.0.1 is taken by another program; name another with --port, or leave it out for one that is free"
    )]
    PortTaken { port: u16 },
    #[error("cannot listen at port {port} of 127.0.0.1: {source}; name another with --port")]
    PortUnheard { port: u16, source: io::Error },
    #[error("no node test is called {patterns}; there are {count} in {}, such as test_add or test_matmul_2d", folder.display())]
    NoNodeTest { patterns: String, count: usize, folder: PathBuf },
    #[error("cannot read or pack the node tests: {}: {source}", path.display())]
    NodeTests { path: PathBuf, source: io::Error },
    #[error("the list of expected node tests {}: {message}", path.display())]
    Expectations { path: PathBuf, message: String },
    #[error("cannot remove {} from the cache: {source}", path.display())]
    CacheUncleared { path: PathBuf, source: io::Error },
    #[error("cannot listen for Ctrl-C: {0}")]
    Signals(io::Error),
    #[error("cannot write the report: {0}")]
    Output(io::Error),
    #[error(
        "--summary without a file adds to the summary of a GitHub Actions step, and GITHUB_STEP_SUMMARY does not say where that is; name a file, as in --summary summary.md"
    )]
    NoStepSummary,
    #[error("a row of the database is not one that Parallax writes: {0}")]
    Row(String),
    #[error("{0}")]
    NothingRan(String),
    #[error("stopped by the user")]
    Interrupted,
}

impl Error {
    /// Returns whether it is about one model of a plan alone, so that the others can run.
    pub fn is_about_one_model(&self) -> bool {
        matches!(
            self,
            Error::Hub { .. }
                | Error::Uncompleted { .. }
                | Error::NotResized { .. }
                | Error::NoPrecision { .. }
                | Error::Unfinished { .. }
                | Error::NoReference { .. }
        )
    }

    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        match self {
            Error::NothingAsked { .. }
            | Error::PlanUnreadable { .. }
            | Error::PlanUnwritten { .. }
            | Error::PlanInvalid { .. }
            | Error::UnknownBrowser { .. }
            | Error::BrowserInvalid { .. }
            | Error::AdapterContradiction { .. }
            | Error::NoAdapterName
            | Error::SeveralAdapters { .. }
            | Error::UnknownModel { .. }
            | Error::Hub { .. }
            | Error::Uncompleted { .. }
            | Error::NotResized { .. }
            | Error::NoPrecision { .. }
            | Error::PlanTooLarge { .. }
            | Error::ModelInvalid { .. }
            | Error::ModelUnreadable { .. }
            | Error::SameName { .. }
            | Error::NoRun { .. }
            | Error::NoSuchBaseline { .. }
            | Error::NothingToShow
            | Error::SeveralRuns { .. }
            | Error::NoBaseline { .. }
            | Error::BaselineUnread { .. }
            | Error::NoSweep
            | Error::PortTaken { .. }
            | Error::PortUnheard { .. }
            | Error::NotAReport { .. }
            | Error::NoReportFiles { .. }
            | Error::NotComparable(_)
            | Error::NoStepSummary
            | Error::QueryUnreadable { .. }
            | Error::QueryWrong { .. }
            | Error::QueryWrites
            | Error::QueryTakenBack { .. }
            | Error::NoNodeTest { .. }
            | Error::Expectations { .. }
            | Error::TuningFile { .. }
            | Error::NoDatabase { .. }
            | Error::NotADatabase { .. }
            | Error::ForeignDatabase { .. }
            | Error::DatabaseHeld { .. }
            | Error::DatabaseNewer { .. }
            | Error::SourceRefused { .. }
            | Error::RunAtOdds { .. }
            | Error::ShardsOfDifferentPlans { .. }
            | Error::ExportInTheWay { .. }
            | Error::DatabaseUnopened { .. } => Exit::BadRequest,
            Error::CacheUncleared { .. }
            | Error::NotPruned { .. }
            | Error::DatabaseGone { .. }
            | Error::ExportUnwritten { .. }
            | Error::Store { .. }
            | Error::Signals(_)
            | Error::Output(_)
            | Error::ReportUnwritten { .. }
            | Error::Row(_) => Exit::GateFailed,
            Error::Interrupted => Exit::Interrupted,
            Error::NoReference { .. }
            | Error::Unfinished { .. }
            | Error::PageServer { .. }
            | Error::NodeTests { .. }
            | Error::NothingRan(_) => Exit::NothingRan,
        }
    }
}
