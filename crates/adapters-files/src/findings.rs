//! Findings as a CSV file, a JSON file, both or neither. They are written as they come.

use std::io::{self, Write};
use std::path::Path;

use ports::{FINDING_COLUMNS, FindingTotals, FindingsWriter, LineCounts, LocatedFinding};
use serde_json::{Map, Value, json};

use crate::atomic_file::AtomicFile;

/// The files that findings are written to.
pub struct FindingFiles {
    csv: Option<csv::Writer<AtomicFile>>,
    json: Option<JsonFindings>,
}

impl FindingFiles {
    /// Begins a CSV file and a JSON file for those of the two paths that there are.
    ///
    /// # Errors
    /// Of the disk, where a folder is missing or cannot be written to.
    pub fn create(csv: Option<&Path>, json: Option<&Path>) -> io::Result<Self> {
        let mut csv = csv.map(AtomicFile::create).transpose()?.map(csv::Writer::from_writer);
        if let Some(csv) = &mut csv {
            csv.write_record(FINDING_COLUMNS)?;
        }
        Ok(Self { csv, json: json.map(JsonFindings::create).transpose()? })
    }
}

impl FindingsWriter for FindingFiles {
    fn write(&mut self, finding: &LocatedFinding<'_>) -> io::Result<()> {
        if self.csv.is_none() && self.json.is_none() {
            return Ok(());
        }
        let fields = finding.fields();
        if let Some(csv) = &mut self.csv {
            csv.write_record(&fields)?;
        }
        self.json.as_mut().map_or(Ok(()), |json| json.write(&fields))
    }

    fn keep(self: Box<Self>, totals: &FindingTotals) -> io::Result<()> {
        if let Some(csv) = self.csv {
            csv.into_inner().map_err(csv::IntoInnerError::into_error)?.keep()?;
        }
        self.json.map_or(Ok(()), |json| json.keep(totals))
    }
}

struct JsonFindings {
    file: AtomicFile,
    is_empty: bool,
}

impl JsonFindings {
    fn create(path: &Path) -> io::Result<Self> {
        let mut file = AtomicFile::create(path)?;
        file.write_all(b"{\"findings\":[")?;
        Ok(Self { file, is_empty: true })
    }

    fn write(&mut self, fields: &[String; 8]) -> io::Result<()> {
        let known = FINDING_COLUMNS.iter().zip(fields).filter(|(_, field)| !field.is_empty());
        let object: Map<String, Value> = known.map(|(name, field)| ((*name).to_owned(), json!(field))).collect();
        let comma = if self.is_empty { "\n" } else { ",\n" };
        self.is_empty = false;
        write!(self.file, "{comma}{}", json!(object))
    }

    fn keep(mut self, totals: &FindingTotals) -> io::Result<()> {
        let FindingTotals { lines, other_types, counts, gate } = totals;
        let LineCounts { compared, only_looked_at, unknown, unreadable } = lines;
        let totals = [
            ("counts", json!(counts.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect::<Map<_, _>>())),
            ("lines", json!(lines.total())),
            ("compared", json!(compared)),
            ("onlyLookedAt", json!(only_looked_at)),
            ("unknown", json!(unknown)),
            ("unreadable", json!(unreadable)),
            ("otherTypes", json!(other_types)),
            ("gate", json!(gate.as_str())),
        ];
        write!(self.file, "\n]")?;
        for (name, value) in totals {
            write!(self.file, ",{}:{value}", json!(name))?;
        }
        writeln!(self.file, "}}")?;
        self.file.keep()
    }
}
