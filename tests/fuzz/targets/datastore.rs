//! The `<config>` of an edit-config, on running and on candidate.

use std::sync::LazyLock;

use fleetbridge::{datastore::*, yang::Format};

use super::datastore_support::{Bench, NOW, SCHEMA, config, device, session, whole};

static BEGINNING: LazyLock<String> = LazyLock::new(|| {
    let settings = "<settings><t:test><t:interval>60</t:interval></t:test></settings>";
    let label = "<label><name>k</name><value>v</value></label><group>g</group>";
    config(&format!("{}{}", device("a", &format!("<alias>x</alias>{label}{settings}")), device("b", "")))
});

/// The low bits of the first octet choose the options (`@` is all defaults), the rest is the content of `<config>`.
pub fn edit_config(data: &[u8]) {
    let Some((options, content)) = data.split_first() else { return };
    let mut bytes = whole("").into_bytes();
    let end = bytes.len() - "</nc:config>".len();
    bytes.splice(end..end, content.iter().copied());
    let edit = Edit {
        default_operation: match options & 3 {
            1 => DefaultOperation::Replace,
            2 => DefaultOperation::None,
            _ => DefaultOperation::Merge,
        },
        test_option: if options & 4 == 0 { TestOption::TestThenSet } else { TestOption::Set },
        error_option: if options & 8 == 0 { ErrorOption::StopOnError } else { ErrorOption::ContinueOnError },
        secrets: true,
        config: &bytes,
    };
    let bench = Bench::new();
    let target = if options & 16 == 0 { Target::Running } else { Target::Candidate };
    let begin = Edit::new(BEGINNING.as_bytes());
    bench.datastore.edit(&session(1), Target::Running, &begin, NOW).expect("our own edit");
    let before = rows(&bench, Source::Running);
    let done = bench.datastore.edit(&session(1), target, &edit, NOW);
    match (&done, target) {
        (Err(errors), _) => {
            assert!(!errors.is_empty());
            assert_eq!(rows(&bench, Source::Candidate), before, "nothing of what failed is done");
        }
        (Ok(_), Target::Candidate) => {
            let staged = rows(&bench, Source::Candidate);
            if bench.commit().is_ok() {
                let mut names: Vec<_> = staged.iter().map(|row| &row.config).collect();
                let written = rows(&bench, Source::Running);
                let mut wanted: Vec<_> = written.iter().map(|row| &row.config).collect();
                names.sort();
                wanted.sort();
                assert_eq!(names, wanted, "what was shown is what is committed");
            }
        }
        (Ok(_), Target::Running) => {}
    }
    for row in rows(&bench, Source::Running) {
        check(&bench, &row);
    }
    bench.datastore.discard(&session(1)).expect("nobody locks it");
    bench.datastore.rollback(&session(1), 1).expect("the first commit is kept");
    bench.commit().expect("it was valid before");
    assert_eq!(rows(&bench, Source::Running), before);
}

/// A row is valid, and as XML says what it says as JSON.
fn check(bench: &Bench, row: &Row) {
    let tree = format!("{{\"fleetbridge:fleet\":{{\"device\":[{}]}}}}", row.config);
    SCHEMA.validate(&tree, Format::Json).expect("running is valid");
    let mut xml = Vec::new();
    bench.datastore.write_xml(row, |_| true, &mut xml).expect("our own row");
    let xml = String::from_utf8(xml).expect("UTF-8");
    let again = Bench::new();
    again.edit(&xml).expect("our own XML");
    let read = again.datastore.read(&row.name, Source::Running).expect("memory").expect("just written");
    assert_eq!(read.config, row.config);
}

fn rows(bench: &Bench, source: Source) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor.take() {
        cursor = bench.datastore.for_each(from, 100, source, |row| rows.push(row.clone())).expect("memory");
    }
    rows
}
