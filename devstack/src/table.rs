//! Rows as texts: what a query gave, read by column name and printed aligned.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// Longer values are cut, so that a row stays on its line.
const CELL_CHARS_MAX: usize = 48;

/// What a query gave; every value in Postgres' own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows; an absent value is null.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Runs one query.
    ///
    /// # Errors
    /// As the database.
    pub async fn query(client: &Client, sql: &str) -> Result<Self, Error> {
        let mut table = Self::default();
        for message in client.simple_query(sql).await? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    table.columns = columns.iter().map(|column| column.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    table
                        .rows
                        .push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
                }
                _ => {}
            }
        }
        Ok(table)
    }

    /// A value; a null, a row or a column that is not there is the empty text.
    pub fn get(&self, row: usize, column: &str) -> &str {
        let at = self.columns.iter().position(|name| name == column);
        at.and_then(|at| self.rows.get(row)?.get(at)?.as_deref())
            .unwrap_or("")
    }

    /// Aligned lines, the columns' names first.
    pub fn lines(&self) -> Vec<String> {
        let mut cells: Vec<Vec<String>> = vec![self.columns.clone()];
        for row in &self.rows {
            cells.push(
                row.iter()
                    .map(|value| shown(value.as_deref().unwrap_or("–")))
                    .collect(),
            );
        }
        let width = |column: usize| {
            let lengths = cells
                .iter()
                .map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
            lengths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        cells
            .iter()
            .map(|row| {
                let padded: Vec<String> = row
                    .iter()
                    .zip(&widths)
                    .map(|(cell, width)| format!("{cell:<width$}"))
                    .collect();
                padded.join("  ").trim_end().to_owned()
            })
            .collect()
    }
}

fn shown(value: &str) -> String {
    let line = value.replace(['\n', '\r'], " ");
    if line.chars().count() <= CELL_CHARS_MAX {
        return line;
    }
    let kept: String = line.chars().take(CELL_CHARS_MAX - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nulls_are_seen() {
        let table = Table {
            columns: vec!["status".into(), "n".into()],
            rows: vec![
                vec![Some("ok".into()), None],
                vec![Some("x".repeat(60)), Some("7".into())],
            ],
        };
        let lines = table.lines();
        assert_eq!(lines[1].chars().position(|c| c == '–'), Some(CELL_CHARS_MAX + 2));
        assert!(lines[2].contains("x…  7"));
        assert_eq!(
            (table.get(1, "n"), table.get(0, "n"), table.get(9, "z")),
            ("7", "", "")
        );
    }
}
