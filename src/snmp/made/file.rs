//! The file that keeps the rows: one a line, with its table, index, status and cells, of mode 0600 because keys and communities stand in it.
//!
//! ```text
//! fleetbridge snmp-rows 1
//! vacmSecurityToGroupTable 3.4.97.110.110.97 status=1 3=6f706572617465
//! end 1
//! ```

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use zeroize::Zeroizing;

use super::{
    Boot, Keys, Made, Row, Status,
    kind::Kind,
    table::{Cell, Table},
};
use crate::{
    secret::{self, Secret},
    snmp::{
        engine::EngineId,
        oid::Dotted,
        usm::{Key, User},
    },
};

/// The file's name.
pub const ROWS: &str = "snmp-rows";

const FIRST_LINE: &str = "fleetbridge snmp-rows 1";
const END: &str = "end";

/// The rows in force, and the file that they are kept in.
#[derive(Default)]
pub struct Store {
    rows: ArcSwap<Made>,
    /// `None`: they end with the process.
    path: Option<PathBuf>,
    /// Users of broken protocols do not count.
    strong: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum MadeError {
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error(
        "{path}: line {line} is none of this file, which says what was made by SNMP SET: users, groups, views, targets and communities. \
         Restore it from a copy, or remove it to do without them"
    )]
    Malformed { path: String, line: usize },
}

impl Store {
    /// # Errors
    /// The file cannot be read or understood. None is as good as an empty one.
    pub fn open(path: &Path) -> Result<Store, MadeError> {
        let name = || path.display().to_string();
        let made = match Secret::from_file(path) {
            Ok(text) => decode(text.expose()).map_err(|line| MadeError::Malformed { path: name(), line })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Made::default(),
            Err(source) => return Err(MadeError::Io { path: name(), source }),
        };
        Ok(Store { rows: ArcSwap::from_pointee(made), path: Some(path.to_owned()), strong: false })
    }

    /// `allow`: users of broken protocols count too, as without this.
    pub fn with_weak(self, allow: bool) -> Store {
        Store { strong: !allow, ..self }
    }

    /// Whether a user may ask.
    pub fn allows(&self, user: &User) -> bool {
        let is_weak = user.auth_protocol().is_some_and(|protocol| protocol.is_weak())
            || user.priv_protocol().is_some_and(|protocol| protocol.is_weak());
        !self.strong || !is_weak
    }

    pub fn rows(&self) -> Arc<Made> {
        self.rows.load_full()
    }

    /// # Errors
    /// They cannot be written; those before them stay.
    pub fn replace(&self, made: Made) -> io::Result<()> {
        if let Some(path) = &self.path {
            secret::replace_file(path, encode(&made).as_bytes())?;
        }
        self.rows.store(Arc::new(made));
        Ok(())
    }

    /// As [`Made::yield_to`].
    pub fn yield_to(&self, boot: &Boot, engine: &EngineId) -> Vec<String> {
        let mut made = Made::clone(&self.rows.load());
        let gone = made.yield_to(boot, engine);
        self.rows.store(Arc::new(made));
        gone
    }
}

fn encode(made: &Made) -> Zeroizing<String> {
    let mut out = Zeroizing::new(format!("{FIRST_LINE}\n"));
    for table in Table::ALL {
        for (index, row) in made.rows(table).filter(|(_, row)| !row.volatile) {
            let _ = write!(out, "{} {} status={}", table.name(), Dotted(index), row.status as i32);
            for (column, cell) in &row.cells {
                let _ = match cell {
                    Cell::Nothing => Ok(()),
                    Cell::Integer(value) => write!(out, " {column}={value}"),
                    Cell::Octets(octets) => write!(out, " {column}={}", hex(octets).as_str()),
                    Cell::Secret(text) => {
                        write!(out, " {column}={}", hex(text.expose().as_bytes()).as_str())
                    }
                    Cell::Oid(oid) => write!(out, " {column}={oid}"),
                };
            }
            for (name, key) in [("auth", &row.keys.auth), ("priv", &row.keys.private)] {
                if let Some(key) = key {
                    let _ = write!(out, " {name}={}", hex(key.octets()).as_str());
                }
            }
            out.push('\n');
        }
    }
    // A file that was cut has no end.
    let rows = out.lines().count() - 1;
    let _ = writeln!(out, "{END} {rows}");
    out
}

/// # Errors
/// The number of the line that cannot be.
fn decode(text: &str) -> Result<Made, usize> {
    let mut made = Made::default();
    let mut lines = text.lines().zip(1usize..);
    if lines.next().map(|(line, _)| line) != Some(FIRST_LINE) {
        return Err(1);
    }
    let mut rows = 0;
    for (line, number) in &mut lines {
        if line.strip_prefix(END).is_some_and(|count| count.trim_start() == rows.to_string()) {
            return match lines.next() {
                None => Ok(made),
                Some((_, number)) => Err(number),
            };
        }
        let (table, index, row) = decode_row(line).ok_or(number)?;
        rows += 1;
        if made.0[table as usize].insert(index, row).is_some() {
            return Err(number);
        }
    }
    Err(rows + 2)
}

fn decode_row(line: &str) -> Option<(Table, Vec<u32>, Row)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let table = Table::ALL.into_iter().find(|table| table.name() == name)?;
    let index: Vec<u32> = words.next()?.split('.').map(|arc| arc.parse().ok()).collect::<Option<_>>()?;
    let status = match words.next()? {
        "status=1" => Status::Active,
        "status=2" => Status::NotInService,
        "status=3" => Status::NotReady,
        _ => return None,
    };
    let mut row = Row { status, volatile: false, cells: Default::default(), keys: Keys::default() };
    for word in words {
        let (name, value) = word.split_once('=')?;
        match name {
            "auth" => row.keys.auth = Some(Key::new(&unhex(value)?)?),
            "priv" => row.keys.private = Some(Key::new(&unhex(value)?)?),
            column => {
                let column = column.parse().ok()?;
                row.cells.insert(column, decode_cell(table, column, value)?);
            }
        }
    }
    let wanted = (
        row.auth_protocol().map(|protocol| protocol.key_len()),
        row.priv_protocol().map(|protocol| protocol.key_len()),
    );
    let len = |key: &Option<Key>| key.as_ref().map(|key| key.octets().len());
    if !table.can_be(&index) || !row.fits(table) || row.is_complete(table) == (status == Status::NotReady) {
        return None;
    }
    (wanted == (len(&row.keys.auth), len(&row.keys.private))).then_some((table, index, row))
}

fn decode_cell(table: Table, column: u32, value: &str) -> Option<Cell> {
    let kind = table.kind(column)?;
    let cell = match kind {
        Kind::Label(_) | Kind::Count(_) => kind.integer(value.parse().ok()?),
        Kind::Domain | Kind::Auth | Kind::Private | Kind::Clone => {
            kind.oid(&value.split('.').map(|arc| arc.parse().ok()).collect::<Option<Vec<u32>>>()?)
        }
        _ => kind.octets(&unhex(value)?),
    };
    cell.ok()
}

fn hex(octets: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * octets.len()));
    for octet in octets {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let octet = |digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(octet).collect::<Option<Vec<u8>>>().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "fleetbridge snmp-rows 1\n\
        usmUserTable 1.9.3.110.101.117 status=1 4=0.0 5=1.3.6.1.6.3.10.1.1.2 8=1.3.6.1.6.3.10.1.2.1 11= \
        auth=000102030405060708090a0b0c0d0e0f\n\
        vacmSecurityToGroupTable 3.3.110.101.117 status=3\n\
        vacmAccessTable 1.97.0.3.2 status=1 4=1 5=616c6c 6= 7=\n\
        vacmViewTreeFamilyTable 3.111.119.110.2.1.3 status=2 3=80 4=2\n\
        snmpTargetAddrTable 97 status=1 2=1.3.6.1.6.1.1 3=c000020900a2 4=1500 5=3 6=61 7=70\n\
        snmpTargetParamsTable 112 status=2 2=3 3=3 4=616e6e61 5=3\n\
        snmpNotifyTable 110 status=1 2=61 3=2\n\
        snmpNotifyFilterProfileTable 112 status=3\n\
        snmpNotifyFilterTable 1.112.1.3 status=1 2= 3=1\n\
        snmpCommunityTable 99 status=1 2=736563726574 3=70 5=706c7567 6=61\n\
        end 10\n";

    #[test]
    fn what_is_written_is_read() {
        let made = decode(TEXT).unwrap();
        assert_eq!(encode(&made).as_str(), TEXT);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snmp-rows");
        let store = Store::open(&path).unwrap();
        store.replace(made).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(encode(&Store::open(&path).unwrap().rows()).as_str(), TEXT);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (line, wrong) in [
            (1, "something else\n".to_owned()),
            (2, TEXT.replace("usmUserTable", "otherTable")),
            (2, TEXT.replace("auth=00", "auth=")),
            (3, TEXT.replace("status=3", "status=4")),
            (4, TEXT.replace(" 4=1 ", " 4=7 ")),
            (4, TEXT.replace("616c6c", "616c6")),
            (5, TEXT.replace(" 4=2", " 9=2")),
            (4, TEXT.replace("1.97.0.3.2", "9.9.9")),
            (3, TEXT.replace("status=3", "status=1")),
            (6, TEXT.replace("c000020900a2", "c000020900a20000")),
            (6, TEXT.replace("c000020900a2", "c00002090000")),
            (7, TEXT.replace("2=3 3=3", "2=1 3=3")),
            (8, TEXT.replace(" 2=61 3=2", " 2=6120 3=2")),
            (10, TEXT.replace(" 1.112.1.3 ", " 1.112 ")),
            (11, TEXT.replace(" 2=736563726574", " 2=")),
            (12, TEXT.replace("end 10\n", "")),
            (12, TEXT.replace("end 10", "end 9")),
            (13, format!("{TEXT}end 10")),
            (12, TEXT.replace("end 10", "vacmSecurityToGroupTable 3.3.110.101.117 status=3\nend 11")),
        ] {
            assert_eq!(decode(&wrong).unwrap_err(), line, "{wrong}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snmp-rows");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let Err(error) = Store::open(&path) else { panic!("it was understood") };
        assert!(error.to_string().contains("snmp-rows: line 1 is none of this file"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}", at in 0..TEXT.len()) {
            let _ = decode(&format!("{FIRST_LINE}\n{text}"));
            let _ = decode(&format!("{}{text}{}", &TEXT[..at], &TEXT[at..]));
        }
    }
}
