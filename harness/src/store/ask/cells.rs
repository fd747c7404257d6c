//! Values of DuckDB as cells: numbers with all their digits, times as ISO 8601, what is nested as JSON.

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use duckdb::core::{LogicalTypeHandle, LogicalTypeId};
use duckdb::types::{OrderedMap, TimeUnit, Value};
use serde_json::Value as Json;

use crate::digest::hexadecimal;
use crate::rows::answer::Cell;

/// The cell of a value, whose column is of this type.
pub fn of(value: Value, kind: &LogicalTypeHandle) -> Cell {
    match value {
        Value::Text(text) if kind.get_alias().as_deref() == Some("JSON") => {
            serde_json::from_str(&text).map_or(Cell::Text(text), Cell::Json)
        }
        Value::Timestamp(unit, count) => {
            let text = timestamp(unit, count);
            let has_zone = kind.id() == LogicalTypeId::TimestampTZ;
            Cell::Text(if has_zone { text } else { text.trim_end_matches('Z').to_owned() })
        }
        other => plain(other),
    }
}

fn plain(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Nothing,
        Value::Boolean(truth) => Cell::Truth(truth),
        Value::TinyInt(number) => Cell::Number(number.to_string()),
        Value::SmallInt(number) => Cell::Number(number.to_string()),
        Value::Int(number) => Cell::Number(number.to_string()),
        Value::BigInt(number) => Cell::Number(number.to_string()),
        Value::HugeInt(number) => Cell::Number(number.to_string()),
        Value::UTinyInt(number) => Cell::Number(number.to_string()),
        Value::USmallInt(number) => Cell::Number(number.to_string()),
        Value::UInt(number) => Cell::Number(number.to_string()),
        Value::UBigInt(number) => Cell::Number(number.to_string()),
        Value::UHugeInt(number) => Cell::Number(number.to_string()),
        Value::Float(number) if is_long(number.into()) => Cell::Number(format!("{number:e}")),
        Value::Float(number) => Cell::Number(number.to_string()),
        Value::Double(number) if is_long(number) => Cell::Number(format!("{number:e}")),
        Value::Double(number) => Cell::Number(number.to_string()),
        Value::Decimal(number) => Cell::Number(number.to_string()),
        Value::Text(text) | Value::Enum(text) => Cell::Text(text),
        Value::Blob(bytes) | Value::Geometry(bytes) => Cell::Text(hexadecimal(&bytes)),
        Value::Timestamp(unit, count) => Cell::Text(timestamp(unit, count)),
        Value::Date32(days) => Cell::Text(date(days)),
        Value::Time64(unit, count) => Cell::Text(time(unit, count)),
        Value::Interval { months, days, nanos } => Cell::Text(interval(months, days, nanos)),
        Value::List(values) | Value::Array(values) => Cell::Json(values.into_iter().map(json).collect()),
        Value::Struct(fields) => Cell::Json(object(fields, |name| name)),
        Value::Map(entries) => Cell::Json(object(entries, |key| match plain(key) {
            Cell::Number(text) | Cell::Text(text) => text,
            Cell::Nothing => "null".to_owned(),
            Cell::Truth(truth) => truth.to_string(),
            Cell::Json(value) => value.to_string(),
        })),
        Value::Union(value) => plain(*value),
        // DuckDB's crate may learn of types that this does not know.
        other => Cell::Text(format!("{other:?}")),
    }
}

/// Returns whether a number takes many zeros without an exponent.
fn is_long(number: f64) -> bool {
    number.is_finite() && number != 0.0 && !(1e-5..1e16).contains(&number.abs())
}

fn json(value: Value) -> Json {
    serde_json::to_value(plain(value)).unwrap_or_default()
}

fn object<K: Clone + PartialEq>(entries: OrderedMap<K, Value>, name: impl Fn(K) -> String) -> Json {
    Json::Object(entries.iter().map(|(key, value)| (name(key.clone()), json(value.clone()))).collect())
}

/// ISO 8601, UTC. What lies beyond all calendars is said as DuckDB says it.
fn timestamp(unit: TimeUnit, count: i64) -> String {
    let at: Option<DateTime<Utc>> = match unit {
        TimeUnit::Second => DateTime::from_timestamp(count, 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(count),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(count),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(count)),
    };
    let beyond = || if count < 0 { "-infinity" } else { "infinity" }.to_owned();
    at.map_or_else(beyond, |at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

fn date(days: i32) -> String {
    let at = NaiveDate::default().checked_add_signed(TimeDelta::days(days.into()));
    let beyond = || if days < 0 { "-infinity" } else { "infinity" }.to_owned();
    at.map_or_else(beyond, |at| at.to_string())
}

fn time(unit: TimeUnit, count: i64) -> String {
    let nanos = match unit {
        TimeUnit::Second => count.saturating_mul(1_000_000_000),
        TimeUnit::Millisecond => count.saturating_mul(1_000_000),
        TimeUnit::Microsecond => count.saturating_mul(1_000),
        TimeUnit::Nanosecond => count,
    };
    let at = NaiveTime::default().overflowing_add_signed(TimeDelta::nanoseconds(nanos)).0;
    at.to_string()
}

/// `P1M2DT3.5S`, as ISO 8601 writes a duration.
fn interval(months: i32, days: i32, nanos: i64) -> String {
    format!("P{months}M{days}DT{}S", nanos as f64 / 1e9)
}
