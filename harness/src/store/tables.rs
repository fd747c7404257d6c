//! The tables of the database, each after those that it refers to: the order in which rows can be added, and backwards that in
//! which they can be removed. Tests hold the list against what the migrations make.

/// A table that holds rows of Parallax; `schema_version` is none.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that tell a row in every copy of a database: its primary key, where it has one.
    pub key: &'static [&'static str],
    /// The run that a row is part of.
    pub part_of: PartOf,
}

/// The run that a row is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOf {
    /// No run: rows that runs share, named by a digest of what they hold.
    None,
    /// The run itself.
    Itself,
    /// The run in `run_id`.
    Run,
    /// The run of the trial in `trial_id`.
    Trial,
}

const fn table(name: &'static str, key: &'static [&'static str], part_of: PartOf) -> Table {
    Table { name, key, part_of }
}

/// Every table.
pub const TABLES: [Table; 25] = [
    table("runs", &["id"], PartOf::Itself),
    table("adapters", &["id"], PartOf::None),
    table("cases", &["key"], PartOf::None),
    table("trials", &["id"], PartOf::Run),
    table("series", &["trial_id", "metric", "phase"], PartOf::Trial),
    table("metrics", &["trial_id", "metric"], PartOf::Trial),
    table("checks", &["trial_id", "position"], PartOf::Trial),
    table("placements", &["trial_id", "position"], PartOf::Trial),
    table("features", &["trial_id", "name"], PartOf::Trial),
    table("controls", &["run_id", "position", "repetition"], PartOf::Run),
    table("sessions", &["run_id", "number"], PartOf::Run),
    table("products", &["run_id", "position"], PartOf::Run),
    table("product_times", &["run_id", "position", "side", "round"], PartOf::Run),
    table("profiles", &["run_id"], PartOf::Run),
    table("dispatches", &["run_id", "position"], PartOf::Run),
    table("dispatch_times", &["run_id", "position", "turn"], PartOf::Run),
    table("divergences", &["run_id"], PartOf::Run),
    table("divergence_nodes", &["run_id", "position"], PartOf::Run),
    table("probes", &["run_id", "target", "metric"], PartOf::Run),
    table("probe_samples", &["run_id", "target", "metric", "position"], PartOf::Run),
    table("tunings", &["run_id", "target", "family", "class"], PartOf::Run),
    table("tuning_trials", &["run_id", "target", "family", "class", "position"], PartOf::Run),
    table("capabilities", &["run_id", "position"], PartOf::Run),
    table("conformance_targets", &["run_id", "target"], PartOf::Run),
    table("conformance_tests", &["run_id", "target", "test"], PartOf::Run),
];

/// A column by which rows name one of another table that runs share.
#[derive(Debug, Clone, Copy)]
pub struct Reference {
    /// The table whose rows name it.
    pub from: &'static str,
    /// The column.
    pub column: &'static str,
    /// The table that it is in, by the one column of its key.
    pub to: &'static str,
}

const fn reference(from: &'static str, column: &'static str, to: &'static str) -> Reference {
    Reference { from, column, to }
}

/// Every such column.
pub const REFERENCES: [Reference; 8] = [
    reference("trials", "case_key", "cases"),
    reference("trials", "adapter_id", "adapters"),
    reference("products", "adapter_id", "adapters"),
    reference("profiles", "adapter_id", "adapters"),
    reference("probes", "adapter_id", "adapters"),
    reference("tunings", "adapter_id", "adapters"),
    reference("divergences", "adapter_a", "adapters"),
    reference("divergences", "adapter_b", "adapters"),
];

impl Table {
    /// The columns by which rows of other tables name rows of this one, where runs share it.
    pub fn references(&self) -> impl Iterator<Item = &'static Reference> + use<> {
        let name = self.name;
        REFERENCES.iter().filter(move |reference| reference.to == name)
    }

    /// Returns the condition under which rows of `a` and `b` are the same row.
    pub fn same_row(&self, a: &str, b: &str) -> String {
        let equal = self.key.iter().map(|column| format!("{a}.{column} = {b}.{column}"));
        equal.collect::<Vec<_>>().join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::store::Store;

    /// What DuckDB says, as text; a list is joined by commas.
    fn told(sql: &str) -> Vec<Vec<String>> {
        let store = Store::open(Path::new(":memory:")).unwrap();
        let mut statement = store.connection.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let columns = row.as_ref().column_count();
            all.push((0..columns).map(|at| row.get(at).unwrap()).collect());
        }
        all
    }

    #[test]
    fn every_table_that_the_migrations_make_is_listed() {
        let made =
            told("select table_name from duckdb_tables() where table_name <> 'schema_version' order by 1");
        let mut listed: Vec<Vec<String>> = TABLES.iter().map(|table| vec![table.name.to_owned()]).collect();
        listed.sort();
        assert_eq!(made, listed);
    }

    #[test]
    fn a_tables_key_is_its_primary_key_but_for_rows_of_a_trial_which_have_none() {
        let keys = told(
            "select table_name, array_to_string(constraint_column_names, ',') from duckdb_constraints() \
             where constraint_type = 'PRIMARY KEY'",
        );
        let keys: BTreeMap<_, _> = keys.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
        for table in TABLES {
            let key = table.key.join(",");
            let expected = Some(key.as_str()).filter(|_| table.part_of != PartOf::Trial);
            assert_eq!(keys.get(table.name).copied(), expected, "{}", table.name);
        }
    }

    #[test]
    fn a_table_comes_after_those_that_it_refers_to() {
        let place = |name: &str| TABLES.iter().position(|table| table.name == name).unwrap();
        let foreign = told(
            "select table_name, constraint_column_names[1], referenced_table from duckdb_constraints() \
             where constraint_type = 'FOREIGN KEY'",
        );
        assert!(foreign.len() > 15, "{foreign:?}");
        let is_listed = |row: &Vec<String>| {
            REFERENCES.iter().any(|it| {
                [it.from, it.column, it.to] == row[..].iter().map(String::as_str).collect::<Vec<_>>()[..]
            })
        };
        for row in &foreign {
            assert!(place(&row[2]) < place(&row[0]), "{row:?}");
            assert!(!["adapters", "cases"].contains(&row[2].as_str()) || is_listed(row), "{row:?}");
        }
        for Reference { from, to, .. } in REFERENCES {
            assert!(place(to) < place(from), "{from} names rows of {to}");
        }
        let by_key = told(
            "select table_name, column_name, 'cases' from duckdb_columns() where column_name = 'case_key' and not starts_with(table_name, 'web_')",
        );
        let tables: Vec<&Vec<String>> =
            by_key.iter().filter(|row| TABLES.iter().any(|table| table.name == row[0])).collect();
        assert!(tables.iter().all(|row| is_listed(row)), "{tables:?}");
    }

    #[test]
    fn a_row_is_part_of_the_run_that_its_columns_name() {
        let columns =
            told("select table_name, string_agg(column_name, ',') from duckdb_columns() group by all");
        let columns: BTreeMap<_, _> = columns.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
        for table in TABLES {
            let has = |column: &str| columns[table.name].split(',').any(|name| name == column);
            let part_of = match (table.name, has("run_id"), has("trial_id")) {
                ("runs", ..) => PartOf::Itself,
                (_, true, false) => PartOf::Run,
                (_, false, true) => PartOf::Trial,
                _ => PartOf::None,
            };
            assert_eq!(table.part_of, part_of, "{}", table.name);
        }
    }
}
